using System.Net;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Programming.Policy;

/// <summary>
/// What NetworkPolicies allow, read as the API describes them (networking.k8s.io/v1): no tiers, sets or classes. Immutable, so that a test
/// can ask the state before a change.
/// </summary>
internal sealed record KubernetesOracle(
    IReadOnlyDictionary<string, NamespaceRecord> Namespaces, IReadOnlyDictionary<string, PodRecord> Pods,
    IReadOnlyDictionary<string, NetworkPolicyRecord> Policies)
{
    public static KubernetesOracle Empty { get; } = new(
        new Dictionary<string, NamespaceRecord>(), new Dictionary<string, PodRecord>(), new Dictionary<string, NetworkPolicyRecord>());

    public KubernetesOracle With(PolicyObjectKey key, PolicyObject? value) => key.Kind switch
    {
        PolicyObjectKind.Namespace => this with { Namespaces = Set(Namespaces, key.Name, (NamespaceRecord?)value) },
        PolicyObjectKind.Pod => this with { Pods = Set(Pods, key.Name, (PodRecord?)value) },
        _ => this with { Policies = Set(Policies, key.Name, (NetworkPolicyRecord?)value) },
    };

    /// <param name="pod">The pod that is judged.</param>
    /// <param name="isIngress">Whether the flow comes to it.</param>
    /// <param name="peer">The other end.</param>
    /// <param name="protocol">The IP protocol number.</param>
    /// <param name="port">The destination port.</param>
    public bool Allows(string pod, bool isIngress, IPAddress peer, byte protocol, ushort port)
    {
        if (!Pods.TryGetValue(pod, out var own))
        {
            return Policies.Count == 0;
        }

        var applied = Policies.Values.Where(p => p.Namespace == own.Namespace && p.Pods.Matches(own.Labels)
            && (isIngress ? p.HasIngress : p.HasEgress)).ToList();
        return applied.Count == 0 || applied.Any(p => (isIngress ? p.Ingress : p.Egress).Any(r =>
            (r.Peers.Count == 0 || r.Peers.Any(x => IsPeer(x, p.Namespace, peer)))
            && (r.Ports.Count == 0 || r.Ports.Any(x => IsPort(x, isIngress ? own : PodAt(peer), protocol, port)))));
    }

    private static Dictionary<string, T> Set<T>(IReadOnlyDictionary<string, T> all, string key, T? value) where T : class
    {
        var copy = new Dictionary<string, T>(all);
        copy.Remove(key);
        if (value is not null)
        {
            copy.Add(key, value);
        }

        return copy;
    }

    private PodRecord? PodAt(IPAddress address) =>
        Pods.Values.SingleOrDefault(p => !p.IsHostNetwork && !p.IsFinished && p.Addresses.Contains(PolicyAddress.Of(address)));

    private bool IsPeer(PolicyPeer peer, string policyNamespace, IPAddress address)
    {
        if (!peer.HasSelector)
        {
            var wanted = PolicyAddress.Of(address);
            return peer.Nets.Any(n => n.Contains(wanted)) && !peer.Except.Any(n => n.Contains(wanted));
        }

        if (PodAt(address) is not { } pod)
        {
            return false;
        }

        var isNamespace = peer.Namespaces is null
            ? pod.Namespace == policyNamespace
            : peer.Namespaces.Matches(Namespaces.TryGetValue(pod.Namespace, out var known) ? known.Labels : new LabelSet([]));
        return isNamespace && (peer.Pods is null || peer.Pods.Matches(pod.Labels));
    }

    private static bool IsPort(PolicyPort wanted, PodRecord? destination, byte protocol, ushort port)
    {
        if (wanted.Protocol != protocol)
        {
            return false;
        }

        return wanted.Name.Length > 0
            ? destination?.Ports.Any(p => p.Name == wanted.Name && p.Protocol == protocol && p.Port == port) == true
            : wanted.Port is not { } first || (port >= first && port <= (wanted.EndPort ?? first));
    }
}
