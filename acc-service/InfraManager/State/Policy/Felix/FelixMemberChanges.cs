using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>Members of IP sets that come and go, by address, so that an address changes once. The cost follows the members.</summary>
internal sealed class FelixMemberChanges
{
    private readonly Dictionary<PolicyAddress, List<(string Set, FelixMember Member, bool IsAdded)>> _changes = [];

    /// <summary>Notes a change. Blocks are left out: they belong to the set.</summary>
    public void Add(string set, FelixMember member, bool isAdded)
    {
        if (!member.Net.IsHost)
        {
            return;
        }

        if (!_changes.TryGetValue(member.Net.First, out var changes))
        {
            _changes.Add(member.Net.First, changes = []);
        }

        changes.Add((set, member, isAdded));
    }

    /// <summary>Makes the changes in the model.</summary>
    public void Apply(PolicyCompiler compiler, List<RowChange> rows)
    {
        foreach (var (address, changes) in _changes)
        {
            var former = compiler.Model.Peers.TryFind(address, out var group) ? group.Membership : PeerMembership.None;
            var sets = former.Sets.ToHashSet(StringComparer.Ordinal);
            var ports = former.NamedPorts.ToHashSet();
            foreach (var (set, member, isAdded) in changes)
            {
                if (member.HasPort)
                {
                    var port = new NamedPort(set, member.Protocol, member.Port);
                    _ = isAdded ? ports.Add(port) : ports.Remove(port);
                }
                else
                {
                    _ = isAdded ? sets.Add(set) : sets.Remove(set);
                }
            }

            // Without a set nothing is known about an address, and there is no range in which that matters: Felix names members only.
            rows.AddRange(compiler.SetPeer(address, sets.Count + ports.Count == 0 ? null : PeerMembership.Of(sets, ports)));
        }
    }
}
