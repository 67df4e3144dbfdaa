using System.Net.Sockets;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile.Package;

/// <summary>Compiles for the P4-DPDK package of release 24.01; docs/targets.md explains its tables.</summary>
internal sealed class DpdkCompiler : ModelCompiler
{
    private const int IpBits = 32, L4Bits = 16, MacBits = 48, PointerBits = 24, PortBits = 32;

    private readonly NodeSettings _node;
    private readonly EffectiveNode _effective;
    private readonly PackageTable _arp;
    private readonly PackageTable _ipv4;
    private readonly PackageTable _destination;
    private readonly PackageTable _source;
    private readonly Balancer _tcp;
    private readonly Balancer _udp;

    /// <exception cref="P4InfoException">The pipeline is not that of the package; the message names what is missing.</exception>
    public DpdkCompiler(Pipeline pipeline, NodeSettings node)
        : base(pipeline)
    {
        _node = node;
        _effective = new EffectiveNode(node);
        _arp = new(pipeline, "arpt_to_port_table", [("hdr.arp.tpa", IpBits)], ("set_dest_vport", [PortBits]));
        _ipv4 = new(pipeline, "ipv4_to_port_table", [("hdr.ipv4.dst_addr", IpBits)], ("set_dest_mac_vport", [PortBits, MacBits]));
        _destination = new(pipeline, "write_dest_ip_table", [("meta.mod_blob_ptr_dnat", PointerBits)], ("update_dst_ip", [IpBits, L4Bits]));
        _source = new(pipeline, "write_source_ip_table", [("meta.mod_blob_ptr_snat", PointerBits)], ("update_src_ip", [IpBits, L4Bits]));
        _tcp = new Balancer(pipeline, "tcp");
        _udp = new Balancer(pipeline, "udp");
        Tables = [_arp.Schema, _ipv4.Schema, _destination.Schema, _source.Schema, .. _tcp.Tables, .. _udp.Tables];
    }

    public override IReadOnlyList<TableSchema> Tables { get; }

    public override Entry[]? Compile(OwnerId owner, NetworkModel model, Func<string, uint?> portOf) => owner.Kind switch
    {
        OwnerKind.Endpoint => model.Endpoints.Find(owner.Id) is { } e && portOf(e.Spec.PortName) is { } port
            ? [.. Endpoint(e.Spec, port, _effective.Of(model))]
            : null,
        OwnerKind.Service => model.Services.Find((uint)owner.Id) is { } s ? Service(s) : null,
        // ARP requests for the gateway go to the port of the ARP responder.
        _ => _node.Profile.ArpPortOf(_node) is { } arpPort
            ? [_arp.Row([Ipv4.Value(_node.Gateway)], "set_dest_vport", arpPort)]
            : [],
    };

    private IEnumerable<Entry> Endpoint(EndpointSpec spec, uint port, NodeSettings node)
    {
        foreach (var ip in PackageAddresses.Of(spec, node))
        {
            yield return _arp.Row([ip], "set_dest_vport", port);
            yield return _ipv4.Row([ip], "set_dest_mac_vport", port, spec.Mac.Value);
        }
    }

    private Entry[] Service(ServiceState service)
    {
        var rows = new Dictionary<EntryKey, Entry>();
        foreach (var s in PackageService.Of(service))
        {
            if (s.Port.Backends.Count == 0)
            {
                continue;
            }

            var balancer = s.Port.Protocol == ProtocolType.Tcp ? _tcp : _udp;
            BackendState[] active = [.. s.Port.Backends.Where(b => !b.Draining)];
            foreach (var backend in s.Port.Backends)
            {
                // UDP flows pinned to a removed backend move to another one: the client does not notice.
                var to = backend.Draining && s.Port.Protocol == ProtocolType.Udp && active.Length > 0
                    ? active[backend.Id % active.Length]
                    : backend;
                Add(_destination.Row([backend.Id], "update_dst_ip", Ipv4.Value(to.Key.Address), to.Key.Port));
            }

            Add(_source.Row([s.Frontend.Id], "update_src_ip", Ipv4.Value(s.Frontend.Key.Address), s.Frontend.Key.Port));
            if (s.Set.Buckets.Count == 0)
            {
                continue;
            }

            uint[] members = [.. s.Set.Buckets.Distinct()];
            foreach (var backend in active.Where(b => members.Contains(b.Id)))
            {
                Add(balancer.Replies.Row([Ipv4.Value(backend.Key.Address), backend.Key.Port], "set_key_for_reverse_ct", s.Frontend.Id));
                Add(balancer.Members.Row([backend.Id], "set_default_lb_dest", backend.Id));
            }

            Add(balancer.Profile.NewGroup(s.Set.Id, members));
            Add(balancer.Balance.GroupRow([Ipv4.Value(s.Frontend.Key.Address), s.Frontend.Key.Port], s.Set.Id));
        }

        return [.. rows.Values];

        void Add(Entry row) => rows.TryAdd(row.Key, row);
    }

    /// <summary>The tables of one protocol.</summary>
    private sealed class Balancer
    {
        public Balancer(Pipeline pipeline, string protocol)
        {
            (string, int)[] key = [("hdr.ipv4.dst_addr", IpBits), ($"hdr.{protocol}.dst_port", L4Bits)];
            Profile = pipeline.ActionProfile($"k8s_dp_control.as_sl3_{protocol}");
            if (!Profile.HasGroups)
            {
                throw new P4InfoException($"action profile {Profile.Alias} is not a selector: it has no groups");
            }

            Members = new PackageTable(Profile.Members, [("member_id", 32)], ("set_default_lb_dest", [PointerBits]));
            Balance = new PackageTable(pipeline, $"tx_balance_{protocol}", key);
            if (!Balance.Schema.HasActionProfile)
            {
                throw new P4InfoException($"table {Balance.Schema.Alias} has no action profile");
            }

            Replies = new PackageTable(pipeline, $"set_meta_{protocol}", key, ("set_key_for_reverse_ct", [PointerBits]));
        }

        public ActionProfileSchema Profile { get; }

        public PackageTable Members { get; }

        public PackageTable Balance { get; }

        public PackageTable Replies { get; }

        public IEnumerable<TableSchema> Tables => [Members.Schema, Profile.Groups, Balance.Schema, Replies.Schema];
    }
}
