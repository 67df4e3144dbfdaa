using ACCOffload.Differential.Tests.Comparison;
using ACCOffload.Differential.Tests.Generators;

namespace ACCOffload.Differential.Tests.K8s;

/// <summary>
/// Services whose backends are added, drained and removed, as InfraManager writes them: some complete, some without a bucket, a
/// backend or a pool. Random rows are written between them.
/// </summary>
internal sealed class K8sServices
{
    private const int Sets = 3;
    private const int BackendsPerSet = 3;

    private readonly Dice _dice;
    private readonly List<(uint Id, uint Ip, ushort Port, byte Protocol)> _backends = [];
    private uint _time = uint.MaxValue - 1_000_000;

    /// <param name="dice">Random choices.</param>
    /// <param name="endpoints">The endpoints that serve as backends.</param>
    public K8sServices(Dice dice, IReadOnlyList<Endpoint> endpoints)
    {
        _dice = dice;
        byte[] protocols = [6, 17, 132];
        for (uint set = 1; set <= Sets; set++)
        {
            var protocol = protocols[set - 1];
            Frontends.Add((0x0A600000 + set, protocol, 80));
            Frontends.Add((0xC000020A, protocol, (ushort)(30000 + set)));
            // The same pods serve all sets, so that flows collide. The last backend is the host or, for UDP, a host beyond the uplink.
            for (uint i = 1; i <= BackendsPerSet; i++)
            {
                var endpoint = protocol == 17 && i == BackendsPerSet ? endpoints[^1] : endpoints[(int)i * 3];
                _backends.Add((set * 10 + i, endpoint.Addresses[0], 8080, protocol));
            }
        }
        Frontends.Add((0x0A600009, 6, 443));
    }

    /// <summary>Address, protocol and port of each frontend.</summary>
    public List<(uint Ip, byte Protocol, ushort Port)> Frontends { get; } = [];

    /// <summary>Address, protocol and port of each backend.</summary>
    public IReadOnlyList<(uint Ip, byte Protocol, ushort Port)> Backends => [.. _backends.Select(b => (b.Ip, b.Protocol, b.Port))];

    /// <summary>Writes some of the rows, each in a random variant.</summary>
    public void Change(SideBySide both)
    {
        var program = both.Program;
        for (var i = 0; i < Frontends.Count; i++)
        {
            var (ip, protocol, port) = Frontends[i];
            var set = (ulong)Array.IndexOf([6, 17, 132], (int)protocol) + 1;
            for (ulong outside = 0; outside < 2; outside++)
            {
                if (_dice.Percent(25))
                {
                    both.Put(Frontend(outside, ip, protocol, port, (ulong)i + 1, set));
                }
            }
            if (_dice.Percent(50))
            {
                Set(Row("frontends", "frontend_address", [("frontend_id", (ulong)i + 1)], 32, ("ip", ip), ("port", port)),
                    _dice.Percent(85));
            }
        }
        foreach (var (id, ip, port, protocol) in _backends)
        {
            if (_dice.Percent(40))
            {
                var row = Row(
                    "backends", _dice.Percent(80) ? "to_backend" : "drain_backend", [("backend_id", id)], 32,
                    ("ip", ip), ("port", port), ("endpoint_id", id + 100),
                    ("on_host", ip == 0xC8010102 ? 1u : 0u));
                Set(row, _dice.Percent(90));
            }
            if (_dice.Percent(40))
            {
                Set(Row("endpoints", "endpoint", [("remote_ip", ip), ("remote_port", port), ("protocol", protocol)], 32,
                    ("id", id + 100)), _dice.Percent(95));
            }
        }
        // Buckets for new flows, succession buckets, and substitutes for draining backends.
        foreach (var bucket in new ulong[] { 0, 0x10000,
            0x20000 }.SelectMany(first => Enumerable.Range(0, 8).Select(b => first + (ulong)b)))
        {
            for (ulong set = 1; set <= Sets; set++)
            {
                if (_dice.Percent(30))
                {
                    both.Put(Row("buckets", "bucket_backend", [("bucket", bucket), ("set_id", set)], 32,
                        ("backend_id", set * 10 + 1 + (ulong)_dice.Below(BackendsPerSet))));
                }
            }
        }
        // Rows that mark a replacement in progress.
        foreach (var (id, _, _, _) in _backends)
        {
            Set(Row("held", "hold", [("kind", 2), ("value", id)], 32), _dice.Percent(10));
        }

        foreach (var ip in Frontends.Select(f => f.Ip).Append(0xC8010102u).Distinct())
        {
            Set(Row("held", "hold", [("kind", 1), ("value", ip)], 32), _dice.Percent(10));
        }

        both.Put(Row("pools", "pool_ports", [("pool", 255)], 32, ("ip", 0xC000020A), ("first_port", 40000), ("ports", 0x300),
            ("port_mask", 0x3FF)));
        Set(Row("pools", "pool_ports", [("pool", 254)], 32, ("ip", 0xA9FE0101), ("first_port", 40000), ("ports", 0x300),
            ("port_mask", 0x3FF)), _dice.Percent(90));
        // So few ports that the pool is exhausted.
        Set(Row("pools", "pool_ports", [("pool", 1)], 32, ("ip", 0xC000020A), ("first_port", 50000), ("ports", 3), ("port_mask", 3)),
            _dice.Percent(90));
        Set(Row("outgoing", "masquerade_source", [("leaving.ip", 0)], 0, ("pool", _dice.Pick<ulong>(1, 255))), _dice.Percent(60));
        both.Put(Row("outgoing", "keep_source", [("leaving.ip", 0x0AF40000)], 16));
        both.Put(Row("source_ranges", "in_range", [("ranges_id", 1), ("client_ip", _dice.Pick<ulong>(0x08000000, 0x0AF40100))], 24));

        // The session affinity clock: it starts over, or is missing while its row is replaced.
        _time = _dice.Percent(2) ? 1 : _time + (uint)_dice.Below(40_000);
        Set(Row("clock", "show_time", [("sticky", 0)], 32, ("time", _time)), _dice.Percent(90));

        // Slots taken over by a newer flow or client, and full shares.
        var clients = (int)both.Engine.ReadRegister(program.FindRegisterArray("client_slots_0")!.Index, 0) / 4;
        for (var i = _dice.Below(4); i > 0; i--)
        {
            both.WriteRegister("clients_0", 4 * (uint)Math.Max(1, clients - _dice.Below(20)), 1);
        }

        var last = (int)both.Engine.ReadRegister(program.FindRegisterArray("slots_0")!.Index, 0) / 8;
        for (var i = _dice.Below(20); i > 0; i--)
        {
            both.WriteRegister("connections_0", 8 * (uint)Math.Max(1, last - _dice.Below(60)), 1);
            // Older flows, open or closed, in the slots that are used next.
            both.WriteRegister("connections_0", (8 * (uint)(last + 1 + _dice.Below(60))) + 1, _dice.Pick<ulong>(0, 12, 16, 28, 31));
        }
        foreach (var (array, limit) in new[] { ("unanswered_0", 4096ul), ("datagrams_0", 16_384ul), ("open_connections_0", 8192ul),
            ("known_clients_0", 4096ul), ("fragmented_packets_0", 4096ul) })
        {
            for (uint port = 0; port < 12; port++)
            {
                if (_dice.Percent(20))
                {
                    both.WriteRegister(array, port, _dice.Percent(15) ? limit : 0);
                }
            }
        }

        TableEntry Row(string table, string action, (string, ulong)[] key, int prefix, params (string, ulong)[] arguments)
            => EntryGenerator.Entry(K8sNames.Table(program, table), K8sNames.Action(program, table, action), key, prefix, arguments);

        TableEntry Frontend(ulong outside, uint ip, byte protocol, ushort port, ulong id, ulong set)
        {
            (string, ulong)[] key = [("outside", outside), ("service_ip", ip), ("service_port", port), ("protocol", protocol)];
            var pool = _dice.Percent(60) ? 0ul : _dice.Pick<ulong>(1, 255);
            return _dice.Below(10) switch
            {
                0 => Row("services", "refuse", key, 32, ("frontend_id", id), ("pool", pool)),
                1 => Row("services", "drop_new", key, 32, ("frontend_id", id), ("pool", pool)),
                2 => Row("services", "leave", key, 32, ("frontend_id", id), ("pool", pool)),
                _ => Row("services", "balance", key, 32, ("frontend_id", id), ("set_id", set), ("buckets", (ulong)_dice.Below(9)),
                    ("succession", (ulong)_dice.Below(9)), ("pool", pool),
                    ("affinity", _dice.Percent(50) ? 0 : 1 + (ulong)_dice.Below(8)),
                    ("max_age", _dice.Pick<ulong>(10_000, 60_000, 1_000_000)), ("ranges_id", _dice.Percent(80) ? 0ul : 1ul)),
            };
        }

        void Set(TableEntry row, bool there)
        {
            if (there)
            {
                both.Put(row);
            }
            else if (both.Contains(row))
            {
                K8sWorld.Remove(both, both.Entries(row.Table).Single(e => e.Identity == row.Identity));
            }
        }
    }
}
