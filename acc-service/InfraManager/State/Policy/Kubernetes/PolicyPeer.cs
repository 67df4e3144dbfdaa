using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>
/// One of the peers of a rule: pods by selectors, or blocks of addresses. A peer with neither is of a kind that this version does not know.
/// </summary>
internal sealed record PolicyPeer
{
    /// <summary>Null: not given. Beside a namespace selector that means every pod.</summary>
    public LabelSelector? Pods { get; init; }

    /// <summary>Null: not given. Beside a pod selector that means the policy's own namespace.</summary>
    public LabelSelector? Namespaces { get; init; }

    /// <summary>The address is in one of these.</summary>
    public SequenceOf<PolicyNet> Nets { get; init; }

    /// <summary>The address is in none of these.</summary>
    public SequenceOf<PolicyNet> Except { get; init; }

    public bool HasSelector => Pods is not null || Namespaces is not null;
}
