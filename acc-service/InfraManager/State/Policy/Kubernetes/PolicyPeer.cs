using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>
/// One of the peers of a rule: pods by selectors, blocks of addresses, or nodes by a selector. A peer with none of these is of a kind that
/// this version does not know.
/// </summary>
internal sealed record PolicyPeer
{
    /// <summary>Null: not given. Beside a namespace selector that means every pod.</summary>
    public LabelSelector? Pods { get; init; }

    /// <summary>Null: not given. Beside a pod selector that means the policy's own namespace.</summary>
    public LabelSelector? Namespaces { get; init; }

    /// <summary>The addresses of these nodes. Null: not given. Only in the egress of a ClusterNetworkPolicy, and alone.</summary>
    public LabelSelector? Nodes { get; init; }

    /// <summary>The address is in one of these.</summary>
    public SequenceOf<PolicyNet> Nets { get; init; }

    /// <summary>The address is in none of these.</summary>
    public SequenceOf<PolicyNet> Except { get; init; }

    /// <summary>Whether it selects pods.</summary>
    public bool HasSelector => Pods is not null || Namespaces is not null;
}
