using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>
/// Feeds the compiler from objects of the Kubernetes API. Only policies that select a pod of this node, and the sets that these name, are
/// in the model. The cost of a change follows the pods of this node that it may concern, not the cluster.
/// </summary>
internal sealed class KubernetesPolicies(PolicyCompiler compiler)
{
    private const string AdminTier = "Admin";
    private const string NetworkPolicyTier = "NetworkPolicy";
    private const string BaselineTier = "Baseline";

    // No name of an object has it.
    private const char GenerationMark = '@';

    private readonly PodDirectory _pods = new();
    private readonly NodeDirectory _nodes = new();
    // By namespace, then by the key of the object.
    private readonly Dictionary<string, Dictionary<string, NetworkPolicyRecord>> _policies = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ClusterPolicyRecord> _clusterPolicies = new(StringComparer.Ordinal);

    // The pods of this node, and what selects them.
    private readonly Dictionary<string, PodPolicies> _local = new(StringComparer.Ordinal);
    private readonly Dictionary<PolicyObjectKey, ActivePolicy> _active = [];
    // How many active policies name each set.
    private readonly Dictionary<string, int> _sets = new(StringComparer.Ordinal);
    private long _generation;

    /// <summary>The name of a policy of the model, such as <c>NetworkPolicy default/web</c>: its ID without the generation.</summary>
    public static string NameOf(string id)
    {
        var end = id.LastIndexOf(GenerationMark);
        return end > 0 && !id.AsSpan(end + 1).ContainsAnyExceptInRange('0', '9') ? id[..end] : id;
    }

    /// <summary>Sets objects and, with null, removes them, as one change.</summary>
    /// <returns>The rows to write, in order.</returns>
    /// <exception cref="IntentException">INVALID_ARGUMENT: names the field; nothing was changed.</exception>
    public List<RowChange> Set(IReadOnlyCollection<(PolicyObjectKey Key, PolicyObject? Object)> objects)
    {
        var translated = Translate(objects);
        var concerned = new Concerned();
        var left = new HashSet<PolicyAddress>();
        var changed = new List<PodRecord>();
        var nodes = new HashSet<PolicyAddress>();
        foreach (var (key, value) in objects)
        {
            switch (key.Kind)
            {
                case PolicyObjectKind.Namespace:
                    concerned.Relabelled.Add(key.Name);
                    break;
                case PolicyObjectKind.Pod:
                    if (_pods.Find(key.Name) is { } former && PodDirectory.IsPeer(former))
                    {
                        left.UnionWith(former.Addresses);
                    }

                    _pods.SetPod(key.Name, value as PodRecord);
                    if (value is PodRecord pod)
                    {
                        changed.Add(pod);
                    }

                    if (_local.ContainsKey(key.Name) || value is PodRecord { IsLocal: true })
                    {
                        concerned.Pods.Add(key.Name);
                    }

                    break;
                case PolicyObjectKind.Node:
                    _nodes.SetNode(key.Name, value as NodeRecord, nodes);
                    break;
                case PolicyObjectKind.NetworkPolicy:
                    concerned.Namespaces.Add(PutPolicy(key.Name, value as NetworkPolicyRecord));
                    break;
                default:
                    _clusterPolicies.SetOrRemove(key.Name, value as ClusterPolicyRecord);
                    concerned.All = true;
                    break;
            }
        }

        var changes = new List<RowChange>();
        SetNamespaces(objects, changed, changes);
        left.UnionWith(SetNodePeers(nodes, changes));
        Select(concerned, translated, changes);
        RemovePeers(left, changed, changes);
        return changes;
    }

    private static Dictionary<PolicyObjectKey, TranslatedPolicy> Translate(
        IEnumerable<(PolicyObjectKey Key, PolicyObject? Object)> objects)
    {
        var translated = new Dictionary<PolicyObjectKey, TranslatedPolicy>();
        foreach (var (key, value) in objects)
        {
            if (value is NetworkPolicyRecord or ClusterPolicyRecord)
            {
                translated[key] = Translate(value);
            }
        }

        return translated;
    }

    private static TranslatedPolicy Translate(PolicyObject? policy) => policy switch
    {
        NetworkPolicyRecord network => PolicyTranslator.Translate(network),
        ClusterPolicyRecord cluster => PolicyTranslator.Translate(cluster),
        _ => TranslatedPolicy.Empty,
    };

    /// <returns>The namespace.</returns>
    private string PutPolicy(string key, NetworkPolicyRecord? policy)
    {
        var name = key[..key.IndexOf('/')];
        if (!_policies.TryGetValue(name, out var policies))
        {
            _policies.Add(name, policies = new Dictionary<string, NetworkPolicyRecord>(StringComparer.Ordinal));
        }

        policies.SetOrRemove(key, policy);
        if (policies.Count == 0)
        {
            _policies.Remove(name);
        }

        return name;
    }

    private void SetNamespaces(
        IReadOnlyCollection<(PolicyObjectKey Key, PolicyObject? Object)> objects, List<PodRecord> changed, List<RowChange> changes)
    {
        var namespaces = objects.Where(o => o.Key.Kind == PolicyObjectKind.Namespace)
            .Select(o => (o.Key.Name, o.Object as NamespaceRecord)).ToList();
        if (namespaces.Count > 0)
        {
            _pods.SetNamespaces(namespaces);
        }

        foreach (var pod in changed)
        {
            if (_pods.MembershipOf(pod.Key) is { } membership)
            {
                SetPeer(pod, membership, changes);
            }
        }

        SetChangedPeers(changes);
    }

    private void SetChangedPeers(List<RowChange> changes)
    {
        foreach (var (pod, membership) in _pods.TakeChanged())
        {
            SetPeer(pod, membership, changes);
        }
    }

    private void SetPeer(PodRecord pod, PeerMembership membership, List<RowChange> changes)
    {
        foreach (var address in pod.Addresses)
        {
            changes.AddRange(compiler.SetPeer(address, WithNodes(address, membership)));
        }
    }

    /// <summary>Adds the sets of nodes to those that an address is in because it is a pod's; null if it is neither's.</summary>
    private PeerMembership? WithNodes(PolicyAddress address, PeerMembership? ofPod) => _nodes.SetsOf(address) is { } sets
        ? PeerMembership.Of((ofPod?.Sets ?? []).Concat(sets), ofPod?.NamedPorts ?? [])
        : ofPod;

    /// <summary>Sets the addresses of nodes whose sets may have changed.</summary>
    /// <returns>Those that no node has any more.</returns>
    private List<PolicyAddress> SetNodePeers(HashSet<PolicyAddress> addresses, List<RowChange> changes)
    {
        var left = new List<PolicyAddress>();
        foreach (var address in addresses.Order())
        {
            if (_nodes.SetsOf(address) is null)
            {
                left.Add(address);
                continue;
            }

            // What it is in because it is a pod's stays.
            var now = compiler.Model.Peers.TryFind(address, out var group) ? group.Membership : PeerMembership.None;
            var ofPod = PeerMembership.Of(now.Sets.Where(s => !NodeSet.IsId(s)), now.NamedPorts);
            changes.AddRange(compiler.SetPeer(address, WithNodes(address, ofPod)));
        }

        return left;
    }

    /// <summary>Addresses that pods or nodes had: forgets them, or leaves each to another pod or node that has it, too.</summary>
    private void RemovePeers(HashSet<PolicyAddress> left, List<PodRecord> changed, List<RowChange> changes)
    {
        foreach (var pod in changed.Where(PodDirectory.IsPeer))
        {
            left.ExceptWith(pod.Addresses);
        }

        if (left.Count == 0)
        {
            return;
        }

        var holders = _pods.HoldersOf(left);
        foreach (var address in left)
        {
            changes.AddRange(compiler.SetPeer(address, WithNodes(address, holders.GetValueOrDefault(address))));
        }
    }

    /// <summary>
    /// Which policies apply to which local pods: new sets and policies first, then all endpoints at once; then the rest is removed.
    /// </summary>
    private void Select(Concerned concerned, Dictionary<PolicyObjectKey, TranslatedPolicy> translated, List<RowChange> changes)
    {
        AddConcerned(concerned);
        var policies = new HashSet<PolicyObjectKey>();
        foreach (var key in concerned.Pods)
        {
            Select(key, policies);
        }

        var next = policies.Where(k => _active[k].Pods > 0 && (_active[k].Id.Length == 0 || translated.ContainsKey(k)))
            .Select(k => (Key: k, Policy: translated.GetValueOrDefault(k) ?? Translate(Find(k)))).ToList();
        var former = policies.Where(k => _active[k].Id.Length > 0 && (_active[k].Pods == 0 || translated.ContainsKey(k)))
            .Select(k => (_active[k].Id, _active[k].Policy)).ToList();

        AddSets(next.Select(n => n.Policy), changes);
        foreach (var (key, policy) in next)
        {
            var active = _active[key];
            (active.Id, active.Policy) = ($"{key}{GenerationMark}{++_generation}", policy);
            changes.AddRange(compiler.SetPolicy(active.Id, policy.Rules));
        }

        Bind(concerned.Pods, changes);
        foreach (var key in policies.Where(k => _active[k].Pods == 0))
        {
            _active.Remove(key);
        }

        former.ForEach(f => changes.AddRange(compiler.SetPolicy(f.Id, null)));
        RemoveSets(former.Select(f => f.Policy), changes);
    }

    /// <summary>Adds the local pods that the changed policies and namespaces concern.</summary>
    private void AddConcerned(Concerned concerned)
    {
        foreach (var (key, policies) in _local)
        {
            // A NetworkPolicy is of the namespace itself, whatever its labels.
            var name = policies.Pod.Namespace;
            if (concerned.All || concerned.Namespaces.Contains(name)
                || (_clusterPolicies.Count > 0 && concerned.Relabelled.Contains(name)))
            {
                concerned.Pods.Add(key);
            }
        }
    }

    /// <summary>Selects the policies of a pod again.</summary>
    /// <param name="key">The pod's key.</param>
    /// <param name="policies">Receives those that select it, and those that did.</param>
    private void Select(string key, HashSet<PolicyObjectKey> policies)
    {
        var now = _pods.Find(key) is { IsLocal: true } pod && PodDirectory.IsPeer(pod) ? PoliciesOf(pod) : null;
        foreach (var policy in now?.Keys ?? [])
        {
            policies.Add(policy);
            if (!_active.TryGetValue(policy, out var active))
            {
                _active.Add(policy, active = new ActivePolicy());
            }

            active.Pods++;
        }

        foreach (var policy in _local.GetValueOrDefault(key)?.Keys ?? [])
        {
            policies.Add(policy);
            _active[policy].Pods--;
        }

        _local.SetOrRemove(key, now);
    }

    private PodPolicies PoliciesOf(PodRecord pod)
    {
        var ofPod = _pods.NamespaceOf(pod.Namespace).Labels;
        IEnumerable<NetworkPolicyRecord> network = _policies.TryGetValue(pod.Namespace, out var ofNamespace) ? ofNamespace.Values : [];
        return new PodPolicies(
            pod,
            [.. network.Where(p => p.Pods.Matches(pod.Labels)).OrderBy(p => p.Name, StringComparer.Ordinal)],
            [
                .. _clusterPolicies.Values.Where(p => p.Namespaces.Matches(ofPod) && p.Pods.Matches(pod.Labels))
                    .OrderBy(p => p.Priority).ThenBy(p => p.Name, StringComparer.Ordinal),
            ]);
    }

    private PolicyObject? Find(PolicyObjectKey key) => key.Kind == PolicyObjectKind.NetworkPolicy
        ? _policies.GetValueOrDefault(key.Name[..key.Name.IndexOf('/')])?.GetValueOrDefault(key.Name)
        : _clusterPolicies.GetValueOrDefault(key.Name);

    private void AddSets(IEnumerable<TranslatedPolicy> policies, List<RowChange> changes)
    {
        var (podSets, portSets, nodeSets) = (new List<PodSet>(), new List<PortNameSet>(), new List<NodeSet>());
        foreach (var policy in policies)
        {
            podSets.AddRange(policy.PodSets.Where(s => Use(s.Id)));
            portSets.AddRange(policy.PortSets.Where(s => Use(s.Id)));
            nodeSets.AddRange(policy.NodeSets.Where(s => Use(s.Id)));
        }

        if (podSets.Count + portSets.Count + nodeSets.Count == 0)
        {
            return;
        }

        foreach (var set in podSets.Select(s => s.Id).Concat(portSets.Select(s => s.Id)).Concat(nodeSets.Select(s => s.Id)))
        {
            changes.AddRange(compiler.SetNets(set, []));
        }

        _pods.Add(podSets, portSets);
        SetChangedPeers(changes);
        var members = new HashSet<PolicyAddress>();
        _nodes.Add(nodeSets, members);
        SetNodePeers(members, changes);
    }

    /// <returns>Whether no policy has named the set until now.</returns>
    private bool Use(string set)
    {
        var users = _sets.GetValueOrDefault(set);
        _sets[set] = users + 1;
        return users == 0;
    }

    private void RemoveSets(IEnumerable<TranslatedPolicy> policies, List<RowChange> changes)
    {
        var unused = new HashSet<string>(StringComparer.Ordinal);
        foreach (var set in policies.SelectMany(p => p.Sets))
        {
            if (--_sets[set] == 0)
            {
                _sets.Remove(set);
                unused.Add(set);
            }
        }

        if (unused.Count == 0)
        {
            return;
        }

        _pods.Remove(unused);
        SetChangedPeers(changes);
        var members = new HashSet<PolicyAddress>();
        _nodes.Remove(unused, members);
        SetNodePeers(members, changes);
        foreach (var set in unused)
        {
            changes.AddRange(compiler.SetNets(set, null));
        }
    }

    private void Bind(IEnumerable<string> pods, List<RowChange> changes)
    {
        var endpoints = new List<(string Id, EndpointPolicy? Policy)>();
        foreach (var key in pods)
        {
            var policy = _local.TryGetValue(key, out var policies)
                ? new EndpointPolicy(
                    policies.Pod.Addresses, PolicyOf(policies, PolicyDirection.Ingress), PolicyOf(policies, PolicyDirection.Egress))
                : null;
            if (compiler.Model.Endpoints.GetValueOrDefault(key) != policy)
            {
                endpoints.Add((key, policy));
            }
        }

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
                    .. policies.Network.Where(p => direction == PolicyDirection.Ingress ? p.HasIngress : p.HasEgress)
                        .Select(p => _active[p.ObjectKey].Id),
                ]),
            new(BaselineTier, PolicyAction.Pass, Cluster(isBaseline: true)),
        ];
        return new DirectionPolicy([.. tiers.Where(t => t.Policies.Count > 0)], IsOpen: true);

        SequenceOf<string> Cluster(bool isBaseline) =>
        [
            .. policies.Cluster.Where(p => p.IsBaseline == isBaseline
                    && (direction == PolicyDirection.Ingress ? p.Ingress : p.Egress).Count > 0)
                .Select(p => _active[p.ObjectKey].Id),
        ];
    }

    /// <summary>What a change may concern.</summary>
    private sealed class Concerned
    {
        /// <summary>Keys of pods that are of this node, or were.</summary>
        public HashSet<string> Pods { get; } = new(StringComparer.Ordinal);

        /// <summary>All local pods of these namespaces.</summary>
        public HashSet<string> Namespaces { get; } = new(StringComparer.Ordinal);

        /// <summary>Namespaces whose labels may have changed.</summary>
        public HashSet<string> Relabelled { get; } = new(StringComparer.Ordinal);

        /// <summary>All local pods.</summary>
        public bool All { get; set; }
    }
}
