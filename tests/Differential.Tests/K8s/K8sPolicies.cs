using ACCOffload.Differential.Tests.Comparison;
using ACCOffload.Differential.Tests.Generators;

namespace ACCOffload.Differential.Tests.K8s;

/// <summary>
/// Policy sets of pods, with rows as InfraManager will write them: classes of addresses and ports, groups, and verdicts. Rows are missing
/// from time to time, so that each default applies too.
/// </summary>
/// <param name="dice">Random choices.</param>
/// <param name="endpoints">The peers.</param>
internal sealed class K8sPolicies(Dice dice, IReadOnlyList<Endpoint> endpoints)
{
    private const int Classes = 4;
    private const int Groups = 4;
    private const ulong FirstGroup = 20;

    /// <summary>A pod whose policy is not known yet.</summary>
    private const ulong Pending = 0xFFFFFFFE;

    // Odd sets allow by default.
    private static readonly ulong[] Sets = [1, 2, 3, 5];

    /// <summary>A set for a pod. Most have none, so that most packets pass.</summary>
    public ulong Set() => dice.Below(100) switch
    {
        < 70 => 0,
        < 72 => Pending,
        _ => dice.Pick(Sets),
    };

    /// <summary>Writes some of the rows, each in a random variant.</summary>
    public void Change(SideBySide both)
    {
        foreach (var address in endpoints.SelectMany(e => e.Addresses))
        {
            if (dice.Percent(20))
            {
                Put("peers", "peer", [("peer_ip", address)], 32, there: 70, ("number", Class()));
            }
        }

        foreach (var (network, prefix) in new[] { (0x0AF40100u, 24), (0x0AF40000u, 16), (0xC0000200u, 24), (0x08000000u, 8) })
        {
            if (dice.Percent(20))
            {
                Put("nets", "peer", [("peer_ip", network)], prefix, there: 70, ("number", Class()));
            }
        }

        foreach (var (protocol, port) in new (ulong, ulong)[]
            { (1, 0x0800), (6, 80), (6, 8080), (17, 53), (17, 8080), (132, 8080), (47, 0) })
        {
            if (dice.Percent(20))
            {
                Put("ports", "numbered_port", [("transport", protocol), ("l4_port", port)], 16, there: 70, ("number", Class()));
            }
        }

        foreach (var (protocol, port, prefix) in new (ulong, ulong, int)[] { (6, 0, 0), (6, 5000, 13), (17, 4096, 4), (1, 0x0800, 8) })
        {
            if (dice.Percent(20))
            {
                Put("port_ranges", "numbered_port", [("transport", protocol), ("l4_port", port)], prefix, there: 70, ("number", Class()));
            }
        }

        foreach (var set in Sets)
        {
            for (ulong peer = 0; peer < Classes; peer++)
            {
                if (dice.Percent(15))
                {
                    Put("egress_groups", "group", [("egress_set", set), ("peer_class", peer)], 32, there: 60, ("number", Group()));
                }

                if (dice.Percent(15))
                {
                    Put("ingress_groups", "group", [("ingress_set", set), ("peer_class", peer)], 32, there: 60, ("number", Group()));
                }
            }
        }

        for (ulong i = 0; i < Groups; i++)
        {
            for (ulong port = 0; port < Classes; port++)
            {
                if (dice.Percent(15))
                {
                    Put("verdicts", dice.Pick("allow", "allow", "log_allow", "deny", "log_deny"),
                        [("group_id", FirstGroup + i), ("port_number", port)], 32, there: 60, ("rule", (ulong)dice.Below(100)));
                }
            }
        }

        void Put(string table, string action, (string, ulong)[] key, int prefix, int there, params (string, ulong)[] arguments)
        {
            var row = EntryGenerator.Entry(
                K8sNames.Table(both.Program, table), K8sNames.Action(both.Program, table, action), key, prefix, arguments);
            if (dice.Percent(there))
            {
                both.Put(row);
            }
            else if (both.Contains(row))
            {
                K8sWorld.Remove(both, both.Entries(row.Table).Single(e => e.Identity == row.Identity));
            }
        }
    }

    private ulong Class() => (ulong)dice.Below(Classes);

    private ulong Group() => FirstGroup + (ulong)dice.Below(Groups);
}
