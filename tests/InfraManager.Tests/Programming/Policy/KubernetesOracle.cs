using System.Net;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Programming.Policy;

/// <summary>
/// What NetworkPolicies and ClusterNetworkPolicies allow, read as the APIs describe them (networking.k8s.io/v1 and
/// policy.networking.k8s.io/v1alpha2): no sets or classes. Immutable, so that a test can ask the state before a change.
/// </summary>
internal sealed class KubernetesOracle
{
    /// <summary>The addresses of pods: one about which nothing is known may be what any selector asks for.</summary>
    private static readonly PolicyNet PodRange = PolicyNet.Parse("10.244.0.0/16");

    private readonly List<NamespaceRecord> _namespaces;
    private readonly List<NetworkPolicyRecord> _networkPolicies;
    private readonly List<ClusterPolicyRecord> _clusterPolicies;

    private KubernetesOracle(Dictionary<PolicyObjectKey, PolicyObject> objects)
    {
        Objects = objects;
        Pods = [.. objects.Values.OfType<PodRecord>()];
        Nodes = [.. objects.Values.OfType<NodeRecord>()];
        _namespaces = [.. objects.Values.OfType<NamespaceRecord>()];
        _networkPolicies = [.. objects.Values.OfType<NetworkPolicyRecord>()];
        _clusterPolicies =
            [.. objects.Values.OfType<ClusterPolicyRecord>().OrderBy(p => p.Priority).ThenBy(p => p.Name, StringComparer.Ordinal)];
        Policies = [.. _networkPolicies, .. _clusterPolicies];
    }

    public static KubernetesOracle Empty { get; } = new([]);

    public IReadOnlyDictionary<PolicyObjectKey, PolicyObject> Objects { get; }

    public IReadOnlyList<PodRecord> Pods { get; }

    public IReadOnlyList<NodeRecord> Nodes { get; }

    public IReadOnlyList<PolicyObject> Policies { get; }

    public KubernetesOracle With(PolicyObjectKey key, PolicyObject? value)
    {
        var objects = new Dictionary<PolicyObjectKey, PolicyObject>(Objects);
        objects.Remove(key);
        if (value is not null)
        {
            objects.Add(key, value);
        }

        return new KubernetesOracle(objects);
    }

    /// <param name="pod">The pod that is judged.</param>
    /// <param name="isIngress">Whether the flow comes to it.</param>
    /// <param name="peer">The other end.</param>
    /// <param name="protocol">The IP protocol number.</param>
    /// <param name="port">The destination port.</param>
    public bool Allows(string pod, bool isIngress, IPAddress peer, byte protocol, ushort port)
    {
        if (Pods.SingleOrDefault(p => p.Key == pod) is not { } own)
        {
            return Policies.Count == 0;
        }

        var packet = new Packet(own, isIngress, peer, protocol, port);
        return AllowedByTier(packet, isBaseline: false);
    }

    /// <summary>What a tier of ClusterNetworkPolicies says, and the tiers after it.</summary>
    private bool AllowedByTier(Packet packet, bool isBaseline)
    {
        var rules = _clusterPolicies
            .Where(p => p.IsBaseline == isBaseline && p.Namespaces.Matches(LabelsOf(packet.Own.Namespace))
                && p.Pods.Matches(packet.Own.Labels))
            .SelectMany(p => packet.IsIngress ? p.Ingress : p.Egress);
        var mayHavePassed = false;
        foreach (var rule in rules)
        {
            // Null: nothing is known about the peer, so that it may be what the rule asks for.
            var isPeer = Any(rule.Peers.Select(p => IsPeer(p, "", packet.Peer)));
            var isPort = rule.Ports.Count == 0 ? true : Any(rule.Ports.Select(p => IsPort(p, packet)));
            var matches = isPeer == false || isPort == false ? false : isPeer is null ? isPeer : isPort;
            if (matches == false || (matches is null && rule.Action == PolicyAction.Allow))
            {
                continue;
            }

            switch (rule.Action)
            {
                case PolicyAction.Allow:
                    return !mayHavePassed || AfterTier(packet, isBaseline);
                case PolicyAction.Deny:
                    return false;
                case PolicyAction.Pass when matches == true:
                    return AfterTier(packet, isBaseline);
                default:
                    mayHavePassed = true;
                    break;
            }
        }

        return AfterTier(packet, isBaseline);
    }

    private bool AfterTier(Packet packet, bool isBaseline) => isBaseline || AllowedByNetworkPolicy(packet);

    private bool AllowedByNetworkPolicy(Packet packet)
    {
        var applied = _networkPolicies.Where(p => p.Namespace == packet.Own.Namespace
            && p.Pods.Matches(packet.Own.Labels) && (packet.IsIngress ? p.HasIngress : p.HasEgress)).ToList();
        return applied.Count == 0
            ? AllowedByTier(packet, isBaseline: true)
            : applied.Any(p => (packet.IsIngress ? p.Ingress : p.Egress).Any(r =>
                (r.Peers.Count == 0 || r.Peers.Any(x => IsPeer(x, p.Namespace, packet.Peer) == true))
                && (r.Ports.Count == 0 || r.Ports.Any(x => IsPort(x, packet) == true))));
    }

    private static bool? Any(IEnumerable<bool?> facts) => facts.Aggregate((a, b) => a == true || b == true ? true : a is null ? a : b);

    private LabelSet LabelsOf(string space) => _namespaces.Find(n => n.Name == space)?.Labels ?? new LabelSet([]);

    private bool IsUnknown(IPAddress address) => PodAt(address) is null && PodRange.Contains(PolicyAddress.Of(address))
        && !Nodes.Any(n => n.Addresses.Contains(PolicyAddress.Of(address)));

    private PodRecord? PodAt(IPAddress address) =>
        Pods.SingleOrDefault(p => !p.IsHostNetwork && !p.IsFinished && p.Addresses.Contains(PolicyAddress.Of(address)));

    /// <returns>Null if it may be one, because nothing is known about the address.</returns>
    private bool? IsPeer(PolicyPeer peer, string policyNamespace, IPAddress address)
    {
        var wanted = PolicyAddress.Of(address);
        if (!peer.HasSelector && peer.Nodes is null)
        {
            return peer.Nets.Any(n => n.Contains(wanted)) && !peer.Except.Any(n => n.Contains(wanted));
        }

        if (IsUnknown(address))
        {
            return null;
        }

        if (peer.Nodes is not null)
        {
            return Nodes.Any(n => n.Addresses.Contains(wanted) && peer.Nodes.Matches(n.Labels));
        }

        return PodAt(address) is { } pod
            && (peer.Namespaces is null ? pod.Namespace == policyNamespace : peer.Namespaces.Matches(LabelsOf(pod.Namespace)))
            && (peer.Pods is null || peer.Pods.Matches(pod.Labels));
    }

    /// <returns>Null if it may be one, because nothing is known about the destination.</returns>
    private bool? IsPort(PolicyPort wanted, Packet packet)
    {
        if (wanted.Protocol is { } number && number != packet.Protocol)
        {
            return false;
        }

        if (wanted.Name.Length == 0)
        {
            return wanted.Port is not { } first || (packet.Port >= first && packet.Port <= (wanted.EndPort ?? first));
        }

        if (!packet.IsIngress && IsUnknown(packet.Peer))
        {
            return null;
        }

        var destination = packet.IsIngress ? packet.Own : PodAt(packet.Peer);
        return destination?.Ports.Any(p => p.Name == wanted.Name && p.Protocol == packet.Protocol && p.Port == packet.Port) == true;
    }

    private sealed record Packet(PodRecord Own, bool IsIngress, IPAddress Peer, byte Protocol, ushort Port);
}
