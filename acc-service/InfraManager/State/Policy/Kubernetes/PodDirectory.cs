using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>
/// The pods of the cluster, and which of the sets in use each is in. Selectors are matched once for all pods with the same namespace,
/// labels and named ports, and only where they or a set are new.
/// </summary>
internal sealed class PodDirectory
{
    private readonly Dictionary<string, NamespaceRecord> _namespaces = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (PodRecord Pod, PodGroup? Group)> _pods = new(StringComparer.Ordinal);
    private readonly Dictionary<PodIdentity, PodGroup> _groups = [];
    private readonly Dictionary<string, PodSet> _podSets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PortNameSet> _portSets = new(StringComparer.Ordinal);
    private bool _hasChanged;

    /// <summary>Whether policies by selector know a pod's addresses.</summary>
    public static bool IsPeer(PodRecord pod) => !pod.IsHostNetwork && !pod.IsFinished;

    public PodRecord? Find(string key) => _pods.GetValueOrDefault(key).Pod;

    /// <summary>A namespace; one without labels if it is not known.</summary>
    public NamespaceRecord NamespaceOf(string name) => _namespaces.GetValueOrDefault(name) ?? new NamespaceRecord(name, new LabelSet([]));

    /// <summary>Sets or, with null, removes a pod.</summary>
    public void SetPod(string key, PodRecord? pod)
    {
        // The new one first: a group whose only pod changes is matched once.
        var group = pod is not null && IsPeer(pod) ? Join(PodIdentity.Of(pod)) : null;
        if (_pods.TryGetValue(key, out var former) && former.Group is { } left && --left.Count == 0)
        {
            _groups.Remove(left.Identity);
        }

        if (pod is null)
        {
            _pods.Remove(key);
        }
        else
        {
            _pods[key] = (pod, group);
        }
    }

    /// <summary>Sets or, with null, removes namespaces.</summary>
    public void SetNamespaces(IReadOnlyCollection<(string Name, NamespaceRecord? Record)> namespaces)
    {
        foreach (var (name, record) in namespaces)
        {
            _namespaces.SetOrRemove(name, record);
        }

        var names = namespaces.Select(n => n.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var group in _groups.Values)
        {
            if (names.Contains(group.Identity.Namespace))
            {
                Change(group, MembershipOf(group.Identity));
            }
        }
    }

    /// <summary>Sets that are used from now on.</summary>
    public void Add(IReadOnlyCollection<PodSet> podSets, IReadOnlyCollection<PortNameSet> portSets)
    {
        foreach (var set in podSets)
        {
            _podSets.Add(set.Id, set);
        }

        foreach (var set in portSets)
        {
            _portSets.Add(set.Id, set);
        }

        foreach (var group in _groups.Values)
        {
            var now = group.Membership;
            var sets = SetsOf(group.Identity, podSets);
            var ports = PortsOf(group.Identity, portSets);
            if (sets.Count > 0 || ports.Count > 0)
            {
                Change(group, PeerMembership.Of(now.Sets.Concat(sets), now.NamedPorts.Concat(ports)));
            }
        }
    }

    /// <summary>Sets that are not used any more.</summary>
    public void Remove(HashSet<string> sets)
    {
        foreach (var set in sets)
        {
            _podSets.Remove(set);
            _portSets.Remove(set);
        }

        foreach (var group in _groups.Values)
        {
            var now = group.Membership;
            if (sets.Overlaps(now.Sets) || now.NamedPorts.Any(p => sets.Contains(p.Set)))
            {
                Change(group, PeerMembership.Of(now.Sets.Where(s => !sets.Contains(s)), now.NamedPorts.Where(p => !sets.Contains(p.Set))));
            }
        }
    }

    /// <summary>The membership of a pod's addresses; null for a pod that is no peer, or is not known.</summary>
    public PeerMembership? MembershipOf(string key) => _pods.GetValueOrDefault(key).Group?.Membership;

    /// <summary>The pods whose memberships have changed since the last call.</summary>
    public List<(PodRecord Pod, PeerMembership Membership)> TakeChanged()
    {
        var changed = new List<(PodRecord Pod, PeerMembership Membership)>();
        if (!_hasChanged)
        {
            return changed;
        }

        _hasChanged = false;
        foreach (var (pod, group) in _pods.Values)
        {
            if (group is { IsChanged: true })
            {
                changed.Add((pod, group.Membership));
            }
        }

        foreach (var group in _groups.Values)
        {
            group.Settle();
        }

        return changed;
    }

    /// <summary>Finds for each of the addresses a pod that has it. Reads all pods.</summary>
    public Dictionary<PolicyAddress, PeerMembership> HoldersOf(HashSet<PolicyAddress> addresses)
    {
        var holders = new Dictionary<PolicyAddress, PeerMembership>();
        foreach (var (pod, group) in _pods.Values)
        {
            if (group is null)
            {
                continue;
            }

            foreach (var address in pod.Addresses)
            {
                if (addresses.Contains(address))
                {
                    holders[address] = group.Membership;
                }
            }
        }

        return holders;
    }

    private void Change(PodGroup group, PeerMembership membership) => _hasChanged |= group.Change(membership);

    private PodGroup Join(PodIdentity identity)
    {
        if (!_groups.TryGetValue(identity, out var group))
        {
            _groups.Add(identity, group = new PodGroup(identity, MembershipOf(identity)));
        }

        group.Count++;
        return group;
    }

    private PeerMembership MembershipOf(PodIdentity identity) =>
        PeerMembership.Of(SetsOf(identity, _podSets.Values), PortsOf(identity, _portSets.Values));

    private List<string> SetsOf(PodIdentity identity, IReadOnlyCollection<PodSet> sets)
    {
        var found = new List<string>();
        var ofPod = NamespaceOf(identity.Namespace);
        foreach (var set in sets)
        {
            if (set.Contains(ofPod, identity.Labels))
            {
                found.Add(set.Id);
            }
        }

        return found;
    }

    private static List<NamedPort> PortsOf(PodIdentity identity, IReadOnlyCollection<PortNameSet> sets)
    {
        var found = new List<NamedPort>();
        if (identity.Ports.Count > 0)
        {
            foreach (var set in sets)
            {
                found.AddRange(set.PortsOf(identity.Ports));
            }
        }

        return found;
    }
}
