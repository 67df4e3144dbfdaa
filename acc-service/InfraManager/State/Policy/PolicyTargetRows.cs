using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy;

/// <summary>What was read back from the target's policy tables, with the target's numbers.</summary>
internal sealed class PolicyTargetRows
{
    /// <summary>The classes of addresses, blocks, ports and ranges, by <see cref="PolicyRow.Key"/>.</summary>
    public Dictionary<object, uint> Points { get; } = [];

    /// <summary>The groups by direction, set and peer class.</summary>
    public Dictionary<(PolicyDirection Direction, uint Set, uint Class), uint> Groups { get; } = [];

    /// <summary>The verdicts by group and port class.</summary>
    public Dictionary<uint, Dictionary<uint, RowVerdict>> Verdicts { get; } = [];

    /// <summary>The sets of the pods, by address.</summary>
    public Dictionary<PolicyAddress, PolicySets> Bindings { get; } = [];

    /// <summary>The sets of the pods, by the number of the port.</summary>
    public Dictionary<uint, PolicySets> PortSets { get; } = [];

    /// <summary>The highest number of a set or group.</summary>
    public uint LastGroup { get; private set; }

    public uint LastPeerClass { get; private set; }

    public HashSet<uint> PortClasses { get; } = [];

    public void Add(PolicyRow row)
    {
        switch (row)
        {
            case PeerRow or NetRow:
                var peerClass = row is PeerRow peer ? peer.Class : ((NetRow)row).Class;
                Points[row.Key] = peerClass;
                LastPeerClass = Math.Max(LastPeerClass, peerClass);
                break;
            case PortRow or PortRangeRow:
                var portClass = row is PortRow port ? port.Class : ((PortRangeRow)row).Class;
                Points[row.Key] = portClass;
                PortClasses.Add(portClass);
                break;
            case GroupRow group:
                Groups[(group.Direction, group.Set, group.Class)] = group.Group;
                LastGroup = Math.Max(LastGroup, Math.Max(group.Set, group.Group));
                LastPeerClass = Math.Max(LastPeerClass, group.Class);
                break;
            case VerdictRow verdict:
                LastGroup = Math.Max(LastGroup, verdict.Group);
                if (!Verdicts.TryGetValue(verdict.Group, out var cells))
                {
                    Verdicts.Add(verdict.Group, cells = []);
                }

                cells[verdict.PortClass] = verdict.Verdict;
                PortClasses.Add(verdict.PortClass);
                break;
        }
    }

    public void Bind(PolicyAddress address, PolicySets sets)
    {
        Bindings[address] = sets;
        foreach (var set in (ReadOnlySpan<uint>)[sets.Egress, sets.Ingress])
        {
            if (set != PolicySets.PendingSet)
            {
                LastGroup = Math.Max(LastGroup, set);
            }
        }
    }
}
