using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>The nodes of the cluster, and which of the sets in use their addresses are in. Each node has labels of its own.</summary>
internal sealed class NodeDirectory
{
    private readonly Dictionary<string, NodeRecord> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, NodeSet> _sets = new(StringComparer.Ordinal);

    // The nodes with an address: usually one. The object of a replaced node may still have it.
    private readonly Dictionary<PolicyAddress, List<string>> _holders = [];

    /// <summary>Sets or, with null, removes a node.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="node">The node.</param>
    /// <param name="changed">Receives the addresses whose sets may have changed, here and in the other methods.</param>
    public void SetNode(string name, NodeRecord? node, HashSet<PolicyAddress> changed)
    {
        if (_nodes.TryGetValue(name, out var former))
        {
            foreach (var address in former.Addresses)
            {
                Leave(address, name);
            }

            changed.UnionWith(former.Addresses);
        }

        _nodes.SetOrRemove(name, node);
        if (node is null)
        {
            return;
        }

        foreach (var address in node.Addresses)
        {
            if (!_holders.TryGetValue(address, out var names))
            {
                _holders.Add(address, names = []);
            }

            names.Add(name);
        }

        changed.UnionWith(node.Addresses);
    }

    /// <summary>Sets that are used from now on.</summary>
    public void Add(IReadOnlyCollection<NodeSet> sets, HashSet<PolicyAddress> changed)
    {
        foreach (var set in sets)
        {
            _sets.Add(set.Id, set);
        }

        AddMembers(sets, changed);
    }

    /// <summary>Sets that are not used any more. Others than of nodes are ignored.</summary>
    public void Remove(IEnumerable<string> sets, HashSet<PolicyAddress> changed)
    {
        var gone = new List<NodeSet>();
        foreach (var id in sets)
        {
            if (_sets.Remove(id, out var set))
            {
                gone.Add(set);
            }
        }

        AddMembers(gone, changed);
    }

    /// <summary>The sets that an address is in because it is a node's; null if it is no node's.</summary>
    public List<string>? SetsOf(PolicyAddress address)
    {
        if (!_holders.TryGetValue(address, out var names))
        {
            return null;
        }

        var found = new List<string>();
        foreach (var set in _sets.Values)
        {
            if (names.Exists(n => set.Contains(_nodes[n])))
            {
                found.Add(set.Id);
            }
        }

        return found;
    }

    private void Leave(PolicyAddress address, string name)
    {
        var names = _holders[address];
        names.Remove(name);
        if (names.Count == 0)
        {
            _holders.Remove(address);
        }
    }

    private void AddMembers(IReadOnlyCollection<NodeSet> sets, HashSet<PolicyAddress> changed)
    {
        if (sets.Count == 0)
        {
            return;
        }

        foreach (var node in _nodes.Values)
        {
            if (sets.Any(s => s.Contains(node)))
            {
                changed.UnionWith(node.Addresses);
            }
        }
    }
}
