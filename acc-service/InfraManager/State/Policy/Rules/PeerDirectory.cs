using System.Diagnostics.CodeAnalysis;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>
/// The addresses that are known, and the sets that each is in. Pods with the same labels share one membership, so an address takes about
/// 60 bytes here.
/// </summary>
internal sealed class PeerDirectory
{
    private readonly Dictionary<PolicyAddress, PeerGroup> _peers = [];
    private readonly Dictionary<PeerMembership, PeerGroup> _groups = [];

    public int Count => _peers.Count;

    public IReadOnlyCollection<PolicyAddress> Addresses => _peers.Keys;

    public IReadOnlyCollection<PeerGroup> Groups => _groups.Values;

    /// <summary>A copy that later changes do not touch.</summary>
    public PeerDirectory Copy()
    {
        var copy = new PeerDirectory();
        copy._peers.EnsureCapacity(_peers.Count);
        foreach (var (membership, group) in _groups)
        {
            var same = new PeerGroup(membership);
            same.Addresses.UnionWith(group.Addresses);
            copy._groups.Add(membership, same);
            foreach (var address in group.Addresses)
            {
                copy._peers.Add(address, same);
            }
        }

        return copy;
    }

    public bool TryFind(PolicyAddress address, [NotNullWhen(true)] out PeerGroup? group) => _peers.TryGetValue(address, out group);

    public void Put(PolicyAddress address, PeerMembership membership)
    {
        Remove(address);
        if (!_groups.TryGetValue(membership, out var group))
        {
            _groups.Add(membership, group = new PeerGroup(membership));
        }

        group.Addresses.Add(address);
        _peers.Add(address, group);
    }

    public void Remove(PolicyAddress address)
    {
        if (!_peers.Remove(address, out var group))
        {
            return;
        }

        group.Addresses.Remove(address);
        if (group.Addresses.Count == 0)
        {
            _groups.Remove(group.Membership);
        }
    }
}
