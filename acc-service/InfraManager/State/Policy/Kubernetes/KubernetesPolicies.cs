using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>
/// Feeds the compiler from objects of the Kubernetes API. Only policies that select a pod of this node, and the sets that these name, are
/// in the model. Each method returns the rows to write, in order.
/// </summary>
internal sealed class KubernetesPolicies(PolicyCompiler compiler)
{
    private const string AdminTier = "Admin";
    private const string NetworkPolicyTier = "NetworkPolicy";
    private const string BaselineTier = "Baseline";

    private readonly Dictionary<string, NamespaceRecord> _namespaces = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PodRecord> _pods = new(StringComparer.Ordinal);
    private readonly Dictionary<string, KnownPolicy<NetworkPolicyRecord>> _policies = new(StringComparer.Ordinal);
    private readonly Dictionary<string, KnownPolicy<ClusterPolicyRecord>> _clusterPolicies = new(StringComparer.Ordinal);

    // The IDs in the model, by the key of the object. A changed policy gets a new ID, so that all of it takes effect in one step.
    private readonly Dictionary<string, (string Id, TranslatedPolicy Policy)> _active = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PodSet> _podSets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PortNameSet> _portSets = new(StringComparer.Ordinal);
    private long _generation;

    /// <summary>Sets objects and, with null, removes them; at a start, all: the policies of local pods are selected once.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT: names the field; nothing was changed.</exception>
    public List<RowChange> Set(IReadOnlyCollection<(PolicyObjectKey Key, PolicyObject? Object)> objects)
    {
        var translated = Translate(objects);
        var former = objects.Select(o => PodAt(o.Key)).OfType<PodRecord>().ToList();
        foreach (var (key, value) in objects)
        {
            switch (key.Kind)
            {
                case PolicyObjectKind.Namespace:
                    _namespaces.SetOrRemove(key.Name, value as NamespaceRecord);
                    break;
                case PolicyObjectKind.Pod:
                    _pods.SetOrRemove(key.Name, value as PodRecord);
                    break;
                case PolicyObjectKind.NetworkPolicy:
                    _policies.SetOrRemove(key.Name, value is NetworkPolicyRecord p
                        ? new KnownPolicy<NetworkPolicyRecord>(p, key.ToString(), translated[key])
                        : null);
                    break;
                default:
                    _clusterPolicies.SetOrRemove(key.Name, value is ClusterPolicyRecord c
                        ? new KnownPolicy<ClusterPolicyRecord>(c, key.ToString(), translated[key])
                        : null);
                    break;
            }
        }

        var changes = new List<RowChange>();
        var namespaces = objects.Where(o => o.Key.Kind == PolicyObjectKind.Namespace).Select(o => o.Key.Name)
            .ToHashSet(StringComparer.Ordinal);
        SetPeers(objects.Select(o => o.Object).OfType<PodRecord>(), changes);
        if (namespaces.Count > 0)
        {
            SetPeers(_pods.Values.Where(p => namespaces.Contains(p.Namespace)), changes);
        }

        // A NetworkPolicy is of the namespace itself, whatever its labels.
        if (former.Any(p => p.IsLocal) || objects.Any(o => o is { Object: PodRecord { IsLocal: true } }) || translated.Count > 0
            || objects.Any(o => o.Object is null && o.Key.Kind is PolicyObjectKind.NetworkPolicy or PolicyObjectKind.ClusterNetworkPolicy)
            || (namespaces.Count > 0 && _clusterPolicies.Count > 0))
        {
            changes.AddRange(Select());
        }

        RemovePeers(former, changes);
        return changes;
    }

    private static Dictionary<PolicyObjectKey, TranslatedPolicy> Translate(
        IEnumerable<(PolicyObjectKey Key, PolicyObject? Object)> objects)
    {
        var translated = new Dictionary<PolicyObjectKey, TranslatedPolicy>();
        foreach (var (key, value) in objects)
        {
            switch (value)
            {
                case NetworkPolicyRecord policy:
                    translated[key] = PolicyTranslator.Translate(policy);
                    break;
                case ClusterPolicyRecord policy:
                    translated[key] = PolicyTranslator.Translate(policy);
                    break;
            }
        }

        return translated;
    }

    private PodRecord? PodAt(PolicyObjectKey key) => key.Kind == PolicyObjectKind.Pod ? _pods.GetValueOrDefault(key.Name) : null;

    /// <summary>Forgets the addresses that none of the pods has any more.</summary>
    private void RemovePeers(List<PodRecord> former, List<RowChange> changes)
    {
        var left = former.Where(IsPeer).SelectMany(p => p.Addresses).ToHashSet();
        if (left.Count > 0)
        {
            left.ExceptWith(_pods.Values.Where(IsPeer).SelectMany(p => p.Addresses));
        }

        foreach (var address in left)
        {
            changes.AddRange(compiler.SetPeer(address, null));
        }
    }

    private static bool IsPeer(PodRecord pod) => !pod.IsHostNetwork && !pod.IsFinished;

    private NamespaceRecord NamespaceOf(PodRecord pod) =>
        _namespaces.GetValueOrDefault(pod.Namespace) ?? new NamespaceRecord(pod.Namespace, new LabelSet([]));

    /// <summary>
    /// Which policies apply to which local pods: new sets and policies first, then all endpoints at once; then the rest is removed.
    /// </summary>
    private List<RowChange> Select()
    {
        var changes = new List<RowChange>();
        var byNamespace = _policies.Values.ToLookup(p => p.Record.Namespace, StringComparer.Ordinal);
        var local = _pods.Values.Where(p => p.IsLocal && IsPeer(p)).Select(p => PoliciesOf(p, byNamespace[p.Namespace])).ToList();
        var selected = local.SelectMany(p => p.Keys).ToHashSet(StringComparer.Ordinal);
        var wanted = _policies.Values.Select(p => (p.Key, p.Translated))
            .Concat(_clusterPolicies.Values.Select(p => (p.Key, p.Translated)))
            .Where(p => selected.Contains(p.Key)).ToDictionary(p => p.Key, p => p.Translated, StringComparer.Ordinal);
        var podSets = wanted.Values.SelectMany(p => p.PodSets).DistinctBy(s => s.Id).ToDictionary(s => s.Id, StringComparer.Ordinal);
        var portSets = wanted.Values.SelectMany(p => p.PortSets).DistinctBy(s => s.Id).ToDictionary(s => s.Id, StringComparer.Ordinal);
        var newSets = podSets.Keys.Concat(portSets.Keys).Where(s => !_podSets.ContainsKey(s) && !_portSets.ContainsKey(s)).ToList();
        var oldSets = _podSets.Keys.Concat(_portSets.Keys).Where(s => !podSets.ContainsKey(s) && !portSets.ContainsKey(s)).ToList();
        foreach (var set in newSets)
        {
            _ = podSets.TryGetValue(set, out var pods) ? _podSets.TryAdd(set, pods) : _portSets.TryAdd(set, portSets[set]);
            changes.AddRange(compiler.SetNets(set, []));
        }

        if (newSets.Count > 0)
        {
            SetPeers(_pods.Values, changes);
        }

        var former = new List<string>();
        foreach (var (key, policy) in wanted)
        {
            if (_active.TryGetValue(key, out var active) && ReferenceEquals(active.Policy, policy))
            {
                continue;
            }

            if (active.Id is not null)
            {
                former.Add(active.Id);
            }

            var id = $"{key}@{++_generation}";
            _active[key] = (id, policy);
            changes.AddRange(compiler.SetPolicy(id, policy.Rules));
        }

        foreach (var key in _active.Keys.Where(k => !wanted.ContainsKey(k)).ToList())
        {
            former.Add(_active[key].Id);
            _active.Remove(key);
        }

        Bind(local, changes);
        former.ForEach(id => changes.AddRange(compiler.SetPolicy(id, null)));
        foreach (var set in oldSets)
        {
            _podSets.Remove(set);
            _portSets.Remove(set);
        }

        if (oldSets.Count > 0)
        {
            SetPeers(_pods.Values, changes);
            oldSets.ForEach(s => changes.AddRange(compiler.SetNets(s, null)));
        }

        return changes;
    }

    private void Bind(List<PodPolicies> local, List<RowChange> changes)
    {
        var endpoints = local.Select(p => (Id: p.Pod.Key, Policy: (EndpointPolicy?)new EndpointPolicy(
                p.Pod.Addresses, PolicyOf(p, PolicyDirection.Ingress), PolicyOf(p, PolicyDirection.Egress))))
            .Where(e => compiler.Model.Endpoints.GetValueOrDefault(e.Id) != e.Policy).ToList();
        var isLocal = local.Select(p => p.Pod.Key).ToHashSet(StringComparer.Ordinal);
        endpoints.AddRange(compiler.Model.Endpoints.Keys.Where(e => !isLocal.Contains(e)).Select(e => (e, (EndpointPolicy?)null)));
        if (endpoints.Count > 0)
        {
            changes.AddRange(compiler.SetEndpoints(endpoints));
        }
    }

    private DirectionPolicy PolicyOf(PodPolicies policies, PolicyDirection direction)
    {
        TierPolicies[] tiers =
        [
            new(AdminTier, PolicyAction.Pass, Cluster(isBaseline: false)),
            new(
                NetworkPolicyTier, PolicyAction.Deny,
                [
                    .. policies.Network.Where(p => direction == PolicyDirection.Ingress ? p.Record.HasIngress : p.Record.HasEgress)
                        .Select(p => _active[p.Key].Id),
                ]),
            new(BaselineTier, PolicyAction.Pass, Cluster(isBaseline: true)),
        ];
        return new DirectionPolicy([.. tiers.Where(t => t.Policies.Count > 0)], IsOpen: true);

        SequenceOf<string> Cluster(bool isBaseline) =>
        [
            .. policies.Cluster.Where(p => p.Record.IsBaseline == isBaseline
                    && (direction == PolicyDirection.Ingress ? p.Record.Ingress : p.Record.Egress).Count > 0)
                .Select(p => _active[p.Key].Id),
        ];
    }

    private PodPolicies PoliciesOf(PodRecord pod, IEnumerable<KnownPolicy<NetworkPolicyRecord>> ofNamespace)
    {
        var ofPod = NamespaceOf(pod).Labels;
        return new PodPolicies(
            pod,
            [
                .. ofNamespace.Where(p => p.Record.Pods.Matches(pod.Labels))
                    .OrderBy(p => p.Record.Name, StringComparer.Ordinal),
            ],
            [
                .. _clusterPolicies.Values.Where(p => p.Record.Namespaces.Matches(ofPod) && p.Record.Pods.Matches(pod.Labels))
                    .OrderBy(p => p.Record.Priority).ThenBy(p => p.Record.Name, StringComparer.Ordinal),
            ]);
    }

    private void SetPeers(IEnumerable<PodRecord> pods, List<RowChange> changes)
    {
        var known = new Dictionary<PodIdentity, PeerMembership>();
        foreach (var pod in pods.Where(IsPeer))
        {
            var identity = PodIdentity.Of(pod);
            if (!known.TryGetValue(identity, out var membership))
            {
                var ofPod = NamespaceOf(pod);
                known.Add(identity, membership = PeerMembership.Of(
                    _podSets.Where(s => s.Value.Contains(ofPod, pod.Labels)).Select(s => s.Key),
                    _portSets.Values.SelectMany(s => s.PortsOf(pod))));
            }

            foreach (var address in pod.Addresses)
            {
                changes.AddRange(compiler.SetPeer(address, membership));
            }
        }
    }

    /// <summary>A policy as the API has it, its key in <see cref="_active"/>, and what it is in the model.</summary>
    private sealed record KnownPolicy<T>(T Record, string Key, TranslatedPolicy Translated);

    /// <summary>The policies that select a pod, in the order of their tier.</summary>
    private sealed record PodPolicies(
        PodRecord Pod, IReadOnlyList<KnownPolicy<NetworkPolicyRecord>> Network, IReadOnlyList<KnownPolicy<ClusterPolicyRecord>> Cluster)
    {
        public IEnumerable<string> Keys => Network.Select(p => p.Key).Concat(Cluster.Select(p => p.Key));
    }
}
