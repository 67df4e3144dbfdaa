using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming.Policy;

/// <summary>A change of policy, to be programmed in order.</summary>
/// <param name="Rows">The rows, in the order of <see cref="PolicyCompiler"/>.</param>
/// <param name="Pods">The pods of this node that are new, or have another UID.</param>
/// <param name="IsSynced">Whether all objects have been listed once.</param>
/// <param name="HasPolicies">Whether there are any policies afterwards.</param>
internal sealed record PolicyChange(
    IReadOnlyList<RowChange> Rows, IReadOnlyList<PolicyPod> Pods, bool IsSynced, bool HasPolicies);

/// <summary>A pod of this node, and the compiler's numbers of its sets.</summary>
/// <param name="Key">The pod's key: namespace/name.</param>
/// <param name="Uid">Its UID; empty with Felix, which knows none.</param>
/// <param name="Egress">The compiler's number of its set for the flows that it begins.</param>
/// <param name="Ingress">Likewise for those that it accepts.</param>
/// <param name="Addresses">With Felix, the pod's addresses: they tell that it is this pod.</param>
internal readonly record struct PolicyPod(
    string Key, string Uid, uint Egress, uint Ingress, SequenceOf<PolicyAddress> Addresses = default);
