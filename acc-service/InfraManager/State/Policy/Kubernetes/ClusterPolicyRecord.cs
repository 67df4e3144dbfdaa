using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>A rule of a ClusterNetworkPolicy.</summary>
/// <param name="Name">Its name; empty without one.</param>
/// <param name="Action">Accept (as Allow), Deny or Pass.</param>
/// <param name="Peers">At least one.</param>
/// <param name="Ports">Empty matches all.</param>
internal sealed record ClusterPolicyRule(string Name, PolicyAction Action, SequenceOf<PolicyPeer> Peers, SequenceOf<PolicyPort> Ports);

/// <summary>A ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2).</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsBaseline">The tier: Baseline, after NetworkPolicy, or Admin, before it.</param>
/// <param name="Priority">0 to 1000; the lowest comes first.</param>
/// <param name="Namespaces">The subject's namespaces.</param>
/// <param name="Pods">The subject's pods in these namespaces.</param>
/// <param name="Ingress">In order.</param>
/// <param name="Egress">In order.</param>
internal sealed record ClusterPolicyRecord(string Name, bool IsBaseline, int Priority, LabelSelector Namespaces, LabelSelector Pods,
    SequenceOf<ClusterPolicyRule> Ingress, SequenceOf<ClusterPolicyRule> Egress) : PolicyObject
{
    /// <summary>Whether it asks which nodes there are.</summary>
    public bool HasNodePeers => Ingress.Concat(Egress).Any(r => r.Peers.Any(p => p.Nodes is not null));

    public override PolicyObjectKey ObjectKey => new(PolicyObjectKind.ClusterNetworkPolicy, Name);
}
