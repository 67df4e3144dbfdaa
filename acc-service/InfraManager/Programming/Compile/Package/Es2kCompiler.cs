using System.Net.Sockets;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile.Package;

/// <summary>
/// Compiles for the E2100 package of release 24.01; docs/targets.md explains its tables. What 24.01 calls a module pointer, the number of a
/// row that rewrites headers, is the port number for endpoints (<see cref="State.Endpoints.Endpoint.Pointer"/> for those taken over from a
/// 24.01 manager), and a service ID for frontends and backends.
/// </summary>
internal sealed class Es2kCompiler : ModelCompiler
{
    private const int IpBits = 32, PortBits = 16, MacBits = 48, PointerBits = 24, ProtocolBits = 8, HashBits = 6;
    private const string DestinationIp = "hdrs.ipv4[meta.common.depth].dst_ip";
    private const string Protocol = "hdrs.ipv4[meta.common.depth].protocol";
    private const string Pointer = "meta.common.mod_blob_ptr";
    private const uint Transmit = 1;

    private readonly NodeSettings _node;
    private readonly EffectiveNode _effective;
    private readonly PackageTable _arp;
    private readonly PackageTable _gatewayMac;
    private readonly PackageTable _transmit;
    private readonly PackageTable _receive;
    private readonly PackageTable _transmitTcp;
    private readonly PackageTable _transmitService;
    private readonly PackageTable _destination;
    private readonly PackageTable _source;
    private readonly PackageTable _replies;
    private readonly PackageTable _balance;
    private readonly PackageTable _flags;

    /// <exception cref="P4InfoException">The pipeline is not that of the package; the message names what is missing.</exception>
    public Es2kCompiler(Pipeline pipeline, NodeSettings node)
        : base(pipeline)
    {
        _node = node;
        _effective = new EffectiveNode(node);
        (string, int[]) toPort = ("set_dest_vport", [PortBits]), toMacPort = ("set_dest_mac_vport", [PortBits, PointerBits]);
        _arp = new(pipeline, "arp_to_port_table", [("hdrs.arp.tpa", IpBits)], toPort);
        _gatewayMac = new(pipeline, "pod_gateway_mac_mod_table", [(Pointer, PointerBits)], ("update_src_dst_mac", [MacBits, MacBits]));
        _transmit = new(pipeline, "ipv4_to_port_table_tx", [(DestinationIp, IpBits)], toMacPort, ("set_vip_flag", []));
        _receive = new(pipeline, "ipv4_to_port_table_rx", [(DestinationIp, IpBits)], toPort);
        _transmitTcp = new(pipeline, "ipv4_to_port_table_tx_tcp", [(DestinationIp, IpBits)], toMacPort, ("set_vip_flag_tcp", []));
        _transmitService = new(pipeline, "ipv4_to_port_table_tx_service", [(DestinationIp, IpBits)], toMacPort);
        _destination = new(pipeline, "write_dest_ip_table", [(Pointer, PointerBits)],
            ("update_dst_ip_mac", [MacBits, MacBits, IpBits, PortBits]));
        _source = new(pipeline, "write_source_ip_table", [(Pointer, PointerBits)], ("update_src_ip_mac", [MacBits, IpBits, PortBits]));
        _replies = new(
            pipeline, "rx_src_ip",
            [("hdrs.ipv4[meta.common.depth].src_ip", IpBits), (Protocol, ProtocolBits),
                ("hdrs.l4_port[meta.common.depth].sport", PortBits)],
            ("set_source_ip", [PointerBits]));
        _balance = new(
            pipeline, "tx_balance",
            [(DestinationIp, IpBits), (Protocol, ProtocolBits), ("hdrs.l4_port[meta.common.depth].dport", PortBits),
                ("meta.common.hash[5:0]", HashBits)],
            ("set_default_lb_dest", [PortBits, PointerBits]));
        _flags = new(
            pipeline, "service_flow_packet_options",
            [("istd.direction", 1), ("hdrs.tcp.ack", 1), ("hdrs.tcp.rst", 1), ("hdrs.tcp.syn", 1), ("hdrs.tcp.fin", 1)],
            ("tcp_syn_packet", []), ("tcp_fin_or_rst_packet", []), ("tcp_other_packets", []));
        Tables = [.. new[] { _arp, _gatewayMac, _transmit, _receive, _transmitTcp, _transmitService, _destination, _source, _replies,
            _balance, _flags }.Select(t => t.Schema)];
    }

    public override IReadOnlyList<TableSchema> Tables { get; }

    public override bool ServicesFollowEndpoints => true;

    public override Entry[]? Compile(OwnerId owner, NetworkModel model, Func<string, uint?> portOf) => owner.Kind switch
    {
        OwnerKind.Endpoint => model.Endpoints.Find(owner.Id) is { } e && portOf(e.Spec.PortName) is { } port
            ? [.. Endpoint(e, port, _effective.Of(model))]
            : null,
        OwnerKind.Service => model.Services.Find((uint)owner.Id) is { } s ? Service(s, model, portOf) : null,
        _ => [.. Node()],
    };

    private IEnumerable<Entry> Endpoint(Endpoint endpoint, uint port, NodeSettings node)
    {
        var spec = endpoint.Spec;
        var pointer = endpoint.Pointer != 0 ? endpoint.Pointer : port;
        // Endpoints that share a port also share the MAC address, and so this row.
        yield return _gatewayMac.Row([pointer], "update_src_dst_mac", _node.GatewayMac.Value, spec.Mac.Value);
        foreach (var ip in PackageAddresses.Of(spec, node))
        {
            yield return _arp.Row([ip], "set_dest_vport", port);
            yield return _receive.Row([ip], "set_dest_vport", port);
            foreach (var table in new[] { _transmit, _transmitTcp, _transmitService })
            {
                yield return table.Row([ip], "set_dest_mac_vport", port, pointer);
            }
        }
    }

    private Entry[] Service(ServiceState service, NetworkModel model, Func<string, uint?> portOf)
    {
        var rows = new Dictionary<EntryKey, Entry>();
        foreach (var s in PackageService.Of(service))
        {
            var protocol = (ulong)s.Port.Protocol;
            List<(BackendState Backend, MacAddress Mac, uint Port)> reachable = [];
            foreach (var backend in s.Port.Backends)
            {
                // A listed pod may not be attached yet.
                var holder = model.Endpoints.HolderOf(backend.Key.Address)
                    ?? (backend.Place == BackendPlace.Host ? model.Endpoints.Host : null);
                if (holder is null || portOf(holder.Spec.PortName) is not { } port)
                {
                    continue;
                }

                reachable.Add((backend, holder.Spec.Mac, port));
                ulong ip = Ipv4.Value(backend.Key.Address);
                Add(_destination.Row([backend.Id], "update_dst_ip_mac", _node.GatewayMac.Value, holder.Spec.Mac.Value, ip,
                    backend.Key.Port));
                Add(_replies.Row([ip, protocol, backend.Key.Port], "set_source_ip", s.Frontend.Id));
            }

            if (reachable.Count == 0)
            {
                continue;
            }

            ulong address = Ipv4.Value(s.Frontend.Key.Address);
            Add(_source.Row([s.Frontend.Id], "update_src_ip_mac", _node.GatewayMac.Value, address, s.Frontend.Key.Port));
            var balanced = reachable.Where(r => !r.Backend.Draining).ToList();
            if (s.Set.Buckets.Count == 0 || balanced.Count == 0)
            {
                continue;
            }

            for (var i = 0; i < s.Set.Buckets.Count; i++)
            {
                var at = balanced.FindIndex(b => b.Backend.Id == s.Set.Buckets[i]);
                var (backend, _, port) = balanced[at >= 0 ? at : i % balanced.Count];
                Add(_balance.Row([address, protocol, s.Frontend.Key.Port, (ulong)i], "set_default_lb_dest", port, backend.Id));
            }

            if (s.Port.Protocol == ProtocolType.Tcp)
            {
                Add(_transmitTcp.Row([address], "set_vip_flag_tcp"));
            }
            else
            {
                Add(_transmit.Row([address], "set_vip_flag"));
            }
        }

        return [.. rows.Values];

        void Add(Entry row) => rows.TryAdd(row.Key, row);
    }

    private IEnumerable<Entry> Node()
    {
        // ARP requests for the gateway go to the vport with its MAC address, where the ARP responder answers.
        if (_node.Profile.ArpPortOf(_node) is { } arpPort)
        {
            yield return _arp.Row([Ipv4.Value(_node.Gateway)], "set_dest_vport", arpPort);
        }

        for (ulong flags = 0; flags < 16; flags++)
        {
            ulong ack = flags >> 3, rst = (flags >> 2) & 1, syn = (flags >> 1) & 1, fin = flags & 1;
            var action = rst + fin > 0 ? "tcp_fin_or_rst_packet" : syn == 1 && ack == 0 ? "tcp_syn_packet" : "tcp_other_packets";
            yield return _flags.Row([Transmit, ack, rst, syn, fin], action);
        }
    }
}
