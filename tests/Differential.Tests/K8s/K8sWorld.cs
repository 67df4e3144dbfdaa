using ACCOffload.Differential.Tests.Comparison;
using ACCOffload.Differential.Tests.Generators;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Differential.Tests.K8s;

/// <summary>
/// A node whose endpoints come and go. Their rows are what InfraManager writes, mixed with random rows from the same value pools,
/// so that every table, even one unknown to this class, has hits and near misses.
/// </summary>
internal sealed class K8sWorld
{
    public const ulong GatewayMac = 0x02ACC0000001;
    public const uint Gateway = 0xA9FE0101;

    /// <summary>MTU of the route to 9.0.0.0/8.</summary>
    public const ushort NarrowMtu = 90;
    private const int Pods = 9;

    private readonly Dice _dice;
    private readonly EntryGenerator _entries;
    private readonly HashSet<Endpoint> _attached = [];
    private readonly K8sServices _services;
    private readonly K8sNodes _nodes;
    private readonly K8sPolicies _policies;

    public K8sWorld(Dice dice)
    {
        _dice = dice;
        _entries = new EntryGenerator(dice, Value);
        for (uint i = 1; i <= Pods; i++)
        {
            Endpoints.Add(
                new Endpoint(PortKind.Pod, i, 0x0A0000000000ul + i, i % 3 == 0 ? [0x0AF40100u + i, 0x0AF40180u + i] : [0x0AF40100u + i]));
        }

        Endpoints.Add(new Endpoint(PortKind.Host, Pods + 1, 0x0A00000000F1, [0xC8010102, 0xC000020A]));
        Endpoints.Add(new Endpoint(PortKind.Uplink, UplinkPort, 0x0A00000000F2, [0xC0000263, 0x0AF40205, 0x08080808]));
        _services = new K8sServices(dice, Endpoints);
        _nodes = new K8sNodes(dice, UplinkPort);
        _policies = new K8sPolicies(dice, Endpoints);
    }

    public uint UplinkPort => Pods + 2;

    /// <summary>The port to the ACC's kernel.</summary>
    public uint ExceptionPort => _nodes.ExceptionPort;

    /// <summary>All endpoints, attached or not.</summary>
    public List<Endpoint> Endpoints { get; } = [];

    /// <summary>Address, protocol and port of each frontend.</summary>
    public IReadOnlyList<(uint Ip, byte Protocol, ushort Port)> Frontends => _services.Frontends;

    /// <summary>Address, protocol and port of each backend.</summary>
    public IReadOnlyList<(uint Ip, byte Protocol, ushort Port)> Backends => _services.Backends;

    /// <summary>Endpoints whose rows were written.</summary>
    public IReadOnlyCollection<Endpoint> Attached => _attached;

    /// <summary>Changes a few rows and commits them.</summary>
    public void Change(SideBySide both)
    {
        foreach (var endpoint in Endpoints)
        {
            if (!_attached.Contains(endpoint) && _dice.Percent(50) && _attached.Add(endpoint))
            {
                foreach (var row in Rows(endpoint, both.Program))
                {
                    both.Put(row);
                }
            }
            else if (_attached.Contains(endpoint) && _dice.Percent(6) && _attached.Remove(endpoint))
            {
                foreach (var row in Rows(endpoint, both.Program).Where(both.Contains))
                {
                    Remove(both, both.Entries(row.Table).Single(e => e.Identity == row.Identity));
                }
            }
        }

        for (var i = _dice.Below(6); i > 0; i--)
        {
            var table = _dice.Pick(both.Program.Tables);
            if (_dice.Percent(50) && both.Entries(table).Count < Math.Min(60, table.Size))
            {
                both.Put(_entries.Entry(table));
            }
            else if (both.Entries(table).Count > 0)
            {
                Remove(both, _dice.Pick([.. both.Entries(table)]));
            }
        }
        _services.Change(both);
        _nodes.Change(both);
        _policies.Change(both);
        // Rows of attached endpoints that random changes removed are restored soon, so that most packets are delivered.
        if (_dice.Percent(50))
        {
            foreach (var row in _attached.SelectMany(e => Rows(e, both.Program)))
            {
                both.Put(row);
            }
        }

        both.Commit();
    }

    /// <summary>
    /// Removes an entry and commits. Within one commit, DPDK applies additions before removals. It would then give new entries other IDs
    /// than the engine does, and direct counters would show that.
    /// </summary>
    public static void Remove(SideBySide both, TableEntry entry)
    {
        both.Remove(entry);
        both.Commit();
    }

    private IEnumerable<TableEntry> Rows(Endpoint endpoint, SwxProgram program)
    {
        var port = ("guard.port", (ulong)endpoint.Port);
        switch (endpoint.Kind)
        {
            case PortKind.Pod:
                yield return PodRow(
                    "port_class", "pod_port", "isolated_pod_port", [port], ("port", endpoint.Port), ("gateway_mac", GatewayMac));
                yield return Row("mac_guard", "allow_mac", [port, ("guard.mac", endpoint.Mac)]);
                foreach (var address in endpoint.Addresses)
                {
                    yield return Row("source_guard", "allow_source", [port, ("guard.mac", endpoint.Mac), ("guard.ip", address)]);
                    yield return Row("local_sources", "local_source", [("guard.ip", address)]);
                    yield return PodRow(
                        "pods", "to_pod", "to_isolated_pod", [("dst_ip", address)], ("port", endpoint.Port), ("src_mac", GatewayMac),
                        ("dst_mac", endpoint.Mac));
                }
                break;
            case PortKind.Host:
                yield return Row("port_class", "host_port", [port], ("port", endpoint.Port), ("gateway_mac", GatewayMac));
                foreach (var address in endpoint.Addresses)
                {
                    yield return Route(address, 32);
                    yield return Row(
                        "local_sources", address == endpoint.Addresses[0] ? "internal_source" : "node_source", [("guard.ip", address)]);
                }
                yield return To("to_gateway", Gateway, 32);
                yield return Row("local_sources", "gateway_source", [("guard.ip", Gateway)]);
                yield return To("unassigned", 0x0AF40100, 24);
                yield return To("never_routed", 0xA9FE0000, 16);
                break;
            default:
                yield return Row("port_class", "uplink_port", [port], ("arp_port", endpoint.Port), ("gateway_mac", GatewayMac),
                    ("tunnel_ip", _dice.Percent(90) ? K8sNodes.TunnelAddress : 0), ("tunnel_mac", K8sNodes.TunnelMac),
                    ("tunnel_port", _dice.Percent(90) ? 4789ul : 8472));
                yield return Route(0, 0);
                yield return Row(
                    "next_hops", "direct", [("hop.id", 1)], ("port", endpoint.Port), ("src_mac", GatewayMac), ("dst_mac", endpoint.Mac),
                    ("mtu", NarrowMtu));
                yield return To("to_next_hop", 0x09000000, 8, ("next_hop", 1));
                break;
        }

        TableEntry Row(string table, string action, (string, ulong)[] key, params (string, ulong)[] arguments)
            => EntryGenerator.Entry(program.FindTable(table)!, program.FindAction(action)!, key, 32, arguments);

        // Sets that are both 0 are rare: the control plane writes the plain action instead.
        TableEntry PodRow(string table, string plain, string isolated, (string, ulong)[] key, params (string, ulong)[] arguments)
        {
            var (egress, ingress) = (_policies.Set(), _policies.Set());
            return (egress | ingress) == 0 && _dice.Percent(95)
                ? Row(table, plain, key, arguments)
                : Row(table, isolated, key, [.. arguments, ("egress_set", egress), ("ingress_set", ingress)]);
        }

        TableEntry Route(uint network, int prefix)
            => To("to_port", network, prefix, ("port", endpoint.Port), ("src_mac", GatewayMac), ("dst_mac", endpoint.Mac));

        TableEntry To(string action, uint network, int prefix, params (string, ulong)[] arguments)
            => EntryGenerator.Entry(program.FindTable("routes")!, program.FindAction(action)!, [("dst_ip", network)], prefix, arguments);
    }

    /// <summary>A value for a field, from the pools that packets use too.</summary>
    private byte[] Value(string name, int bytes)
    {
        name = name[(name.LastIndexOf('.') + 1)..];
        var endpoint = _dice.Pick(Endpoints);
        return (name, bytes) switch
        {
            (_, 6) when name.EndsWith("gateway_mac", StringComparison.Ordinal) => Dice.Number(GatewayMac, bytes),
            (_, 6) => Dice.Number(endpoint.Mac, bytes),
            ("id" or "next_hop" or "via", 4) => Dice.Number(_dice.Pick([.. K8sNodes.NextHops]), bytes),
            ("mask", 4) => Dice.Number(_dice.Pick(K8sNodes.Mask, 0xFFFFFF00), bytes),
            ("prefix", 4) => Dice.Number(Address(endpoint) & K8sNodes.Mask, bytes),
            ("vni", 4) => Dice.Number(_dice.Pick(K8sNodes.Vni << 8, 1u << 8), bytes),
            ("outer_src", 4) => Dice.Number(Address(endpoint), bytes),
            ("uplink", 4) => Dice.Number((ulong)_dice.Below(16), bytes),
            (_, 4) when name.Contains("port", StringComparison.Ordinal) => Dice.Number((ulong)_dice.Below(16), bytes),
            (_, 4) when name.Contains("ip", StringComparison.Ordinal) => Dice.Number(Address(endpoint), bytes),
            (_, 2) when name.Contains("port", StringComparison.Ordinal) => Dice.Number(_dice.Pick<ulong>(53, 80, 443), bytes),
            (_, 1) when name.Contains("proto", StringComparison.Ordinal) => Dice.Number(_dice.Pick<ulong>(1, 6, 17, 132), bytes),
            _ => _dice.Percent(80) ? Dice.Number((ulong)_dice.Below(8), bytes) : _dice.Bytes(bytes),
        };
    }

    private uint Address(Endpoint endpoint)
        => _dice.Percent(70) ? _dice.Pick(endpoint.Addresses) : (uint)(_dice.Pick(endpoint.Addresses) ^ (1u << _dice.Below(32)));
}
