using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.Cluster.Policy;

/// <summary>
/// What the watches know about policy, and what of it the programmer does not have yet. It decides the order of the changes: a policy comes
/// after the namespaces, pods and nodes that it selects. Thread-safe.
/// </summary>
internal sealed class PolicyState
{
    /// <summary>Objects in one intent, so that API requests and single pods do not wait for a whole cluster.</summary>
    public const int MaxBatch = 256;

    /// <summary>Lines about policies that are not enforceable.</summary>
    public const int MaxProblems = 16;

    private static readonly PolicyObjectKind[] PeerKinds = [PolicyObjectKind.Namespace, PolicyObjectKind.Pod];
    private static readonly PolicyObjectKind[] PolicyKinds = [PolicyObjectKind.NetworkPolicy, PolicyObjectKind.ClusterNetworkPolicy];

    private readonly Lock _lock = new();
    private readonly Dictionary<PolicyObjectKind, Dictionary<string, PolicyObject>> _known =
        Enum.GetValues<PolicyObjectKind>().ToDictionary(k => k, _ => new Dictionary<string, PolicyObject>(StringComparer.Ordinal));

    private readonly Dictionary<PolicyObjectKey, string> _problems = [];
    private readonly Dictionary<Turn, HashSet<PolicyObjectKey>> _changed =
        Enum.GetValues<Turn>().ToDictionary(t => t, _ => new HashSet<PolicyObjectKey>());

    // The kinds whose objects the running watches have listed.
    private readonly HashSet<PolicyObjectKind> _listed = [];

    // The kinds of which the programmer may have more objects than are known here: they go with the last change.
    private readonly HashSet<PolicyObjectKind> _removesOthers = [];

    // The ClusterNetworkPolicies that ask which nodes there are.
    private readonly HashSet<string> _nodePolicies = new(StringComparer.Ordinal);

    // Nodes that the last list had and that cannot be read: the programmer keeps what it has of them.
    private readonly HashSet<string> _keptNodes = new(StringComparer.Ordinal);

    // Whether namespaces and pods are being watched, or may still be known to the programmer; and nodes.
    private bool _hasPeers = true;
    private bool _hasNodes = true;
    private bool _isSynced;

    /// <summary>The order of changes.</summary>
    private enum Turn
    {
        Namespaces,

        /// <summary>Single pods do not wait for a list.</summary>
        PodEvents,
        Nodes,
        PodLists,
        Policies,

        /// <summary>Those with peers by nodes wait until nodes are listed; nothing else does.</summary>
        NodePolicies,

        /// <summary>By then the events of its pods have usually come.</summary>
        RemovedNamespaces,
    }

    /// <summary>Whether a policy exists, so that namespaces and pods have to be known.</summary>
    public bool NeedsPeers
    {
        get
        {
            lock (_lock)
            {
                return HasPolicies;
            }
        }
    }

    /// <summary>Whether the programmer has everything from the first complete lists.</summary>
    public bool IsSynced
    {
        get
        {
            lock (_lock)
            {
                return _isSynced;
            }
        }
    }

    /// <summary>Whether no policy is left, the programmer knows that, and namespaces and pods can be forgotten.</summary>
    public bool CanForgetPeers
    {
        get
        {
            lock (_lock)
            {
                return _hasPeers && !HasPolicies && PolicyKinds.All(_listed.Contains) && !PolicyKinds.Any(_removesOthers.Contains)
                    && _changed[Turn.Policies].Count == 0;
            }
        }
    }

    /// <summary>Whether a policy has peers by nodes, so that nodes have to be known.</summary>
    public bool NeedsNodes
    {
        get
        {
            lock (_lock)
            {
                return HasNodePolicies;
            }
        }
    }

    /// <summary>Whether policies with peers by nodes wait for the list of nodes.</summary>
    public bool WaitsForNodes
    {
        get
        {
            lock (_lock)
            {
                return !AreNodesListed && _changed[Turn.NodePolicies].Count > 0;
            }
        }
    }

    /// <summary>Whether no policy asks for nodes, so that they can be forgotten.</summary>
    public bool CanForgetNodes
    {
        get
        {
            lock (_lock)
            {
                return _hasNodes && !HasNodePolicies && _listed.Contains(PolicyObjectKind.ClusterNetworkPolicy);
            }
        }
    }

    private bool HasNodePolicies => _nodePolicies.Count > 0;

    private bool AreNodesListed => _listed.Contains(PolicyObjectKind.Node);

    private bool HasPolicies => PolicyKinds.Any(k => _known[k].Count > 0);

    private bool ArePeersListed => PeerKinds.All(_listed.Contains);

    public int Count(PolicyObjectKind kind)
    {
        lock (_lock)
        {
            return _known[kind].Count;
        }
    }

    /// <summary>Takes over a complete list.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="objects">The objects that were read.</param>
    /// <param name="keptNodes">Nodes that exist and could not be read: they keep their last version.</param>
    /// <returns>The objects with a problem that is new.</returns>
    public IReadOnlyList<PolicyResource> Replace(
        PolicyObjectKind kind, IReadOnlyCollection<PolicyResource> objects, IReadOnlyCollection<string>? keptNodes = null)
    {
        lock (_lock)
        {
            var listed = objects.Select(o => o.Key.Name).ToHashSet(StringComparer.Ordinal);
            if (kind == PolicyObjectKind.Node)
            {
                _keptNodes.Clear();
                _keptNodes.UnionWith(keptNodes ?? []);
                listed.UnionWith(_keptNodes);
            }

            foreach (var gone in _known[kind].Keys.Where(n => !listed.Contains(n)).ToList())
            {
                Remove(new PolicyObjectKey(kind, gone), Turn.PodLists);
            }

            foreach (var gone in _problems.Keys.Where(k => k.Kind == kind && !listed.Contains(k.Name)).ToList())
            {
                _problems.Remove(gone);
            }

            _listed.Add(kind);
            _removesOthers.Add(kind);
            return Set(objects, Turn.PodLists);
        }
    }

    /// <summary>Takes over a changed object.</summary>
    /// <returns>The object if it has a problem that is new.</returns>
    public IReadOnlyList<PolicyResource> Apply(PolicyResource changed)
    {
        lock (_lock)
        {
            return Set([changed], Turn.PodEvents);
        }
    }

    public void Remove(PolicyObjectKey key)
    {
        lock (_lock)
        {
            _problems.Remove(key);
            Remove(key, Turn.PodEvents);
        }
    }

    /// <summary>Namespaces and pods are being watched again. Until they are listed, no policy is submitted.</summary>
    public void BeginPeers()
    {
        lock (_lock)
        {
            _hasPeers = true;
        }
    }

    /// <summary>
    /// Namespaces and pods are no longer watched. They are forgotten and removed, unless a policy has come meanwhile: then they stay until
    /// they are listed again.
    /// </summary>
    public void EndPeers()
    {
        lock (_lock)
        {
            _listed.ExceptWith(PeerKinds);
            if (HasPolicies)
            {
                return;
            }

            _hasPeers = false;
            foreach (var kind in PeerKinds)
            {
                _known[kind].Clear();
                _removesOthers.Add(kind);
            }

            foreach (var turn in (ReadOnlySpan<Turn>)[Turn.Namespaces, Turn.PodEvents, Turn.PodLists, Turn.RemovedNamespaces])
            {
                _changed[turn].Clear();
            }
        }
    }

    /// <summary>Nodes are being watched again.</summary>
    public void BeginNodes()
    {
        lock (_lock)
        {
            _hasNodes = true;
        }
    }

    /// <summary>Nodes are no longer watched. They are forgotten and removed, unless a policy asks for them again.</summary>
    public void EndNodes()
    {
        lock (_lock)
        {
            _listed.Remove(PolicyObjectKind.Node);
            if (HasNodePolicies)
            {
                return;
            }

            _hasNodes = false;
            _known[PolicyObjectKind.Node].Clear();
            _keptNodes.Clear();
            _changed[Turn.Nodes].Clear();
            _removesOthers.Add(PolicyObjectKind.Node);
        }
    }

    /// <summary>The next changes to submit; null if there is nothing to submit now. What a complete list removes comes last.</summary>
    public PolicyIntent? Take()
    {
        lock (_lock)
        {
            var keys = new List<PolicyObjectKey>();
            var hasPolicies = HasPolicies;
            // A policy without the pods that it selects would drop or pass too much.
            if (ArePeersListed || !hasPolicies)
            {
                foreach (var turn in Enum.GetValues<Turn>())
                {
                    if (!IsHeldBack(turn))
                    {
                        Move(turn, keys);
                    }
                }
            }

            HashSet<PolicyObjectKind> removes = [];
            var isDone = _changed.All(c => c.Value.Count == 0 || IsHeldBack(c.Key));
            if (isDone)
            {
                removes.UnionWith(_removesOthers.Where(PolicyKinds.Contains));
                // Pods go after the last policy, in an intent of their own.
                if (hasPolicies ? ArePeersListed : removes.Count == 0 && !keys.Exists(k => PolicyKinds.Contains(k.Kind)))
                {
                    removes.UnionWith(_removesOthers.Where(PeerKinds.Contains));
                }

                if (HasNodePolicies ? AreNodesListed : !_hasNodes)
                {
                    removes.UnionWith(_removesOthers.Where(k => k == PolicyObjectKind.Node));
                }
            }

            var isLast = isDone && _removesOthers.SetEquals(removes);
            var completes = !_isSynced && isLast && PolicyKinds.All(_listed.Contains) && (hasPolicies ? ArePeersListed : !_hasPeers)
                && (HasNodePolicies ? AreNodesListed : !_hasNodes);
            if (keys.Count == 0 && removes.Count == 0 && !completes)
            {
                return null;
            }

            _removesOthers.ExceptWith(removes);
            return new PolicyIntent([.. keys.Select(k => (k, Find(k)))])
            {
                Listed = removes.ToDictionary(k => k, NamesOf),
                IsSynced = completes,
            };
        }
    }

    /// <summary>The intent is in effect.</summary>
    public void Confirm(PolicyIntent intent)
    {
        lock (_lock)
        {
            _isSynced |= intent.IsSynced;
        }
    }

    /// <summary>The intent was refused: what it carried, or what came after it, is submitted again.</summary>
    public void PutBack(PolicyIntent intent)
    {
        lock (_lock)
        {
            foreach (var (key, _) in intent.Changes)
            {
                // A newer change of it may wait already.
                if (!_changed.Values.Any(c => c.Contains(key)))
                {
                    Enqueue(key, Turn.PodEvents);
                }
            }

            _removesOthers.UnionWith(intent.Listed.Keys);
        }
    }

    public PolicyWatchStatus GetStatus(string problem)
    {
        lock (_lock)
        {
            var problems = _problems.Where(p => PolicyKinds.Contains(p.Key.Kind)).OrderBy(p => p.Key.Kind)
                .ThenBy(p => p.Key.Name, StringComparer.Ordinal).Select(p => p.Value).ToList();
            return new PolicyWatchStatus(
                _isSynced, _known[PolicyObjectKind.Namespace].Count, _known[PolicyObjectKind.Pod].Count,
                _known[PolicyObjectKind.NetworkPolicy].Count, _known[PolicyObjectKind.ClusterNetworkPolicy].Count,
                _known[PolicyObjectKind.Node].Count, _changed.Values.Sum(c => c.Count), problems.Count,
                [.. problems.Take(MaxProblems)], problem);
        }
    }

    private List<PolicyResource> Set(IReadOnlyCollection<PolicyResource> objects, Turn podTurn)
    {
        var problems = new List<PolicyResource>();
        var added = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in objects)
        {
            if (NoteProblem(item))
            {
                problems.Add(item);
            }

            var known = _known[item.Key.Kind];
            if (item.Record is not { } record)
            {
                Remove(item.Key, podTurn);
                continue;
            }

            var isKnown = known.TryGetValue(item.Key.Name, out var former);
            // Pods change with every status report, mostly in other fields.
            if (isKnown && former == record)
            {
                continue;
            }

            known[item.Key.Name] = record;
            NoteNodes(item.Key, record);
            Enqueue(item.Key, podTurn);
            if (!isKnown && item.Key.Kind == PolicyObjectKind.Namespace)
            {
                added.Add(item.Key.Name);
            }
        }

        EnqueuePodsOf(added, podTurn);
        return problems;
    }

    private void Remove(PolicyObjectKey key, Turn podTurn)
    {
        // Also what is not known here: the programmer may have it from before a restart.
        _known[key.Kind].Remove(key.Name);
        NoteNodes(key, null);
        Enqueue(key, podTurn);
        if (key.Kind == PolicyObjectKind.Namespace)
        {
            EnqueuePodsOf([key.Name], podTurn);
        }
    }

    private void NoteNodes(PolicyObjectKey key, PolicyObject? value)
    {
        if (key.Kind == PolicyObjectKind.Node)
        {
            _keptNodes.Remove(key.Name);
        }
        else if (value is ClusterPolicyRecord { HasNodePeers: true })
        {
            _nodePolicies.Add(key.Name);
        }
        else if (key.Kind == PolicyObjectKind.ClusterNetworkPolicy)
        {
            _nodePolicies.Remove(key.Name);
        }
    }

    private bool IsHeldBack(Turn turn) => turn == Turn.NodePolicies && !AreNodesListed;

    /// <summary>The names of all objects of a kind that exist.</summary>
    private IReadOnlySet<string> NamesOf(PolicyObjectKind kind)
    {
        var names = _known[kind].Keys.ToHashSet(StringComparer.Ordinal);
        if (kind == PolicyObjectKind.Node)
        {
            names.UnionWith(_keptNodes);
        }

        return names;
    }

    /// <returns>Whether it has a problem that is new.</returns>
    private bool NoteProblem(PolicyResource item)
    {
        var former = _problems.GetValueOrDefault(item.Key, "");
        if (item.Problem.Length == 0)
        {
            _problems.Remove(item.Key);
        }
        else
        {
            _problems[item.Key] = item.Problem;
        }

        return item.Problem.Length > 0 && item.Problem != former;
    }

    /// <summary>
    /// The pods of a namespace become known with it: without its labels, a selector that excludes labels would select them. The two
    /// watches are independent, so that a pod may come first.
    /// </summary>
    private void EnqueuePodsOf(HashSet<string> namespaces, Turn podTurn)
    {
        if (namespaces.Count == 0)
        {
            return;
        }

        foreach (var pod in _known[PolicyObjectKind.Pod].Values.Cast<PodRecord>().Where(p => namespaces.Contains(p.Namespace)))
        {
            Enqueue(pod.ObjectKey, podTurn);
        }
    }

    private void Enqueue(PolicyObjectKey key, Turn podTurn)
    {
        var turn = key.Kind switch
        {
            PolicyObjectKind.Namespace => _known[key.Kind].ContainsKey(key.Name) ? Turn.Namespaces : Turn.RemovedNamespaces,
            PolicyObjectKind.Pod => podTurn,
            PolicyObjectKind.Node => Turn.Nodes,
            PolicyObjectKind.ClusterNetworkPolicy when _nodePolicies.Contains(key.Name) => Turn.NodePolicies,
            _ => Turn.Policies,
        };
        foreach (var (other, keys) in _changed)
        {
            if (other != turn)
            {
                keys.Remove(key);
            }
        }

        _changed[turn].Add(key);
    }

    /// <summary>Moves changes of this turn, as many as the batch has room for: turns are moved in order.</summary>
    private void Move(Turn turn, List<PolicyObjectKey> keys)
    {
        var waits = _changed[turn];
        var moved = waits.Take(MaxBatch - keys.Count).ToList();
        waits.ExceptWith(moved);
        keys.AddRange(moved);
    }

    /// <summary>What the programmer should have of an object; null for nothing.</summary>
    private PolicyObject? Find(PolicyObjectKey key) => _known[key.Kind].GetValueOrDefault(key.Name) switch
    {
        PodRecord pod when !_known[PolicyObjectKind.Namespace].ContainsKey(pod.Namespace) => null,
        var record => record,
    };
}
