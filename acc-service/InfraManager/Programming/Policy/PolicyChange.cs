using ACCOffload.InfraManager.State.Policy.Classes;

namespace ACCOffload.InfraManager.Programming.Policy;

/// <summary>A change of policy, to be programmed in order.</summary>
/// <param name="Rows">The rows, in the order of <see cref="PolicyCompiler"/>.</param>
/// <param name="Pods">The pods of this node that are new, or have another UID.</param>
/// <param name="IsSynced">Whether all objects have been listed once.</param>
/// <param name="HasPolicies">Whether there are any policies afterwards.</param>
internal sealed record PolicyChange(
    IReadOnlyList<RowChange> Rows, IReadOnlyList<PolicyPod> Pods, bool IsSynced, bool HasPolicies);

/// <summary>A pod of this node: its key and UID, and the compiler's numbers of its sets.</summary>
internal readonly record struct PolicyPod(string Key, string Uid, uint Egress, uint Ingress);
