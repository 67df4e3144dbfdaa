using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>A rule of a NetworkPolicy: it allows what matches one of the peers and one of the ports. An empty list matches all.</summary>
internal sealed record NetworkPolicyRule(SequenceOf<PolicyPeer> Peers, SequenceOf<PolicyPort> Ports);

/// <summary>A NetworkPolicy (networking.k8s.io/v1).</summary>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Name">Its name.</param>
/// <param name="Pods"><c>podSelector</c>: which pods of the namespace it isolates.</param>
/// <param name="Ingress">Empty: nothing is allowed.</param>
/// <param name="Egress">Empty: nothing is allowed.</param>
/// <param name="Types"><c>policyTypes</c>: Ingress and Egress; empty if absent.</param>
internal sealed record NetworkPolicyRecord(string Namespace, string Name, LabelSelector Pods, SequenceOf<NetworkPolicyRule> Ingress,
    SequenceOf<NetworkPolicyRule> Egress, SequenceOf<string> Types) : PolicyObject
{
    public string Key => $"{Namespace}/{Name}";

    public override PolicyObjectKey ObjectKey => new(PolicyObjectKind.NetworkPolicy, Key);

    public bool HasIngress => Types.Count == 0 || Types.Contains("Ingress");

    public bool HasEgress => Types.Count == 0 ? Egress.Count > 0 : Types.Contains("Egress");
}
