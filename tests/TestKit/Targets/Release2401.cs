using System.Net;
using System.Text.Json.Nodes;
using Google.Protobuf;
using P4.V1;
using Action = P4.V1.Action;

namespace ACCOffload.TestKit.Targets;

/// <summary>
/// A node of the manager of release 24.01, as its source has it: which rows it writes, with which numbers, and what its databases say
/// afterwards. Shares no code with the product.
/// </summary>
/// <param name="info">The P4Info of the package on the target.</param>
/// <param name="isE2100">Whether it is the package for the E2100; otherwise that for P4-DPDK.</param>
public sealed class Release2401(P4.Config.V1.P4Info info, bool isE2100)
{
    public const string Gateway = "169.254.1.1", HostAddress = "200.1.1.2", ArpMac = "00:04:00:00:03:14";
    private const uint FirstPointer = 700;
    private const int HashValues = 64;

    private readonly JsonObject _endpoints = [];
    private readonly JsonObject _services = [];
    private readonly JsonObject _setup = new() { ["HostInterface"] = new JsonObject { ["Ip"] = "", ["Mac"] = "" }, ["SetDefaultRule"] = true };
    private readonly Dictionary<string, string> _devices = [];
    private uint _lastNumber;

    /// <summary>The inserted rows, in the manager's order.</summary>
    public List<Entity> Rows { get; } = [];

    /// <summary>The row for the gateway, and those that classify TCP segments.</summary>
    public void Start(uint arpPort)
    {
        AddRow(isE2100 ? "arp_to_port_table" : "arpt_to_port_table", [Ip(Gateway)], "set_dest_vport", arpPort);
        _endpoints[Gateway] = Endpoint(Gateway, ArpMac, arpPort, 0);
        if (!isE2100)
        {
            return;
        }

        for (ulong flags = 0; flags < 16; flags++)
        {
            ulong ack = flags >> 3, rst = (flags >> 2) & 1, syn = (flags >> 1) & 1, fin = flags & 1;
            var kind = rst + fin > 0 ? "tcp_fin_or_rst_packet" : ack == 0 && syn == 1 ? "tcp_syn_packet" : "tcp_other_packets";
            AddRow("service_flow_packet_options", [1, ack, rst, syn, fin], kind);
        }
    }

    /// <summary>The agent sets up the host's interface: the manager adds the node's address as an endpoint of its own.</summary>
    public void SetHost(string mac, uint port, string nodeAddress, string device)
    {
        AddEndpoint(HostAddress, mac, port, device);
        AddEndpoint(nodeAddress, mac, port, device);
        _setup["HostInterface"] = new JsonObject { ["Ip"] = HostAddress, ["Mac"] = mac };
    }

    /// <summary>Adds an endpoint. The manager does not store the device's name; the agent does.</summary>
    public void AddEndpoint(string address, string mac, uint port, string device)
    {
        _devices[device] = mac;
        if (!isE2100)
        {
            AddRow("arpt_to_port_table", [Ip(address)], "set_dest_vport", port);
            AddRow("ipv4_to_port_table", [Ip(address)], "set_dest_mac_vport", port, Mac(mac));
            _endpoints[address] = Endpoint(address, mac, port, 0);
            return;
        }

        var pointer = FirstPointer + ++_lastNumber;
        AddRow("arp_to_port_table", [Ip(address)], "set_dest_vport", port);
        AddRow("pod_gateway_mac_mod_table", [pointer], "update_src_dst_mac", Mac(ArpMac), Mac(mac));
        AddRow("ipv4_to_port_table_tx", [Ip(address)], "set_dest_mac_vport", port, pointer);
        AddRow("ipv4_to_port_table_rx", [Ip(address)], "set_dest_vport", port);
        AddRow("ipv4_to_port_table_tx_tcp", [Ip(address)], "set_dest_mac_vport", port, pointer);
        AddRow("ipv4_to_port_table_tx_service", [Ip(address)], "set_dest_mac_vport", port, pointer);
        _endpoints[address] = Endpoint(address, mac, port, pointer);
    }

    /// <summary>Creates a service. Returns its number, which is also that of the row that translates replies.</summary>
    public uint AddService(string address, string protocol, ushort port, params (string Address, ushort Port)[] backends)
    {
        var group = ++_lastNumber;
        List<(string Address, ushort Port, uint Id)> numbered = [.. backends.Select((b, i) => (b.Address, b.Port, NumberOf(group, i)))];
        if (isE2100)
        {
            AddE2100Service(address, protocol, port, group, numbered);
        }
        else
        {
            AddDpdkService(address, protocol, port, group, numbered);
        }

        var stored = new JsonObject();
        foreach (var (backend, number, id) in numbered)
        {
            stored[backend] = Backend(backend, number, id);
        }

        _services[$"{address}:{protocol}:{port}"] = new JsonObject
        {
            ["ClusterIp"] = address,
            ["MacAddr"] = (string)_setup["HostInterface"]!["Mac"]!,
            ["Proto"] = protocol,
            ["Port"] = port,
            ["GroupID"] = group,
            ["ServiceEndPoint"] = stored,
            ["NumEndPoints"] = backends.Length,
        };
        return group;
    }

    /// <summary>
    /// A backend joins a service. The manager does not count it afterwards, so the next one gets the same number, and the target refuses
    /// its first row. On the E2100 it never gets flows; with P4-DPDK the group then has only this backend.
    /// </summary>
    public void Grow(string key, string backend, ushort port)
    {
        var service = _services[key]!;
        var group = (uint)service["GroupID"]!;
        var id = NumberOf(group, (int)service["NumEndPoints"]!);
        var stored = service["ServiceEndPoint"]!;
        var isFirst = !stored.AsObject().Any(e => (uint)e.Value!["ModBlobPtrDNAT"]! == id);
        stored[backend] = Backend(backend, port, id);
        if (!isFirst)
        {
            return;
        }

        var protocol = (string)service["Proto"]!;
        if (isE2100)
        {
            AddRow("write_dest_ip_table", [id], "update_dst_ip_mac", Mac(ArpMac), Mac(MacOf(backend)), Ip(backend), port);
            AddRow("rx_src_ip", [Ip(backend), NumberOf(protocol), port], "set_source_ip", group);
            return;
        }

        AddRow("write_dest_ip_table", [id], "update_dst_ip", Ip(backend), port);
        AddMember(protocol, id);
        // The manager sends a MODIFY with the new members only. Rows that lead to the group come after it.
        var (member, at) = (Rows[^1], Rows.FindIndex(r => r.ActionProfileGroup?.GroupId == group));
        Rows[at] = Group(protocol, group, [id]);
        Rows.RemoveAt(Rows.Count - 1);
        Rows.Insert(at, member);
        AddRow($"set_meta_{Lower(protocol)}", [Ip(backend), port], "set_key_for_reverse_ct", group);
    }

    /// <summary>Writes cni_db.json, services_db.json and setup_db.json, as the manager does when it stops.</summary>
    public void WriteDatabases(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "cni_db.json"), _endpoints.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "services_db.json"), _services.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "setup_db.json"), _setup.ToJsonString());
    }

    /// <summary>Writes the agent's files, one for each device.</summary>
    public void WriteAgent(string folder)
    {
        var devices = Directory.CreateDirectory(Path.Combine(folder, isE2100 ? "cdq" : "tap")).FullName;
        foreach (var (name, mac) in _devices)
        {
            File.WriteAllText(Path.Combine(devices, $"cni-{Guid.NewGuid()}-eth0"),
                new JsonObject { ["pciaddr"] = "", ["interfacename"] = name, ["vfid"] = 0, ["macaddr"] = mac }.ToJsonString());
        }
    }

    // The manager numbers backends from 1 in the low four bits.
    private static uint NumberOf(uint group, int index) => (group << 4) | ((uint)(index + 1) & 15);

    private void AddDpdkService(
        string address, string protocol, ushort port, uint group, List<(string Address, ushort Port, uint Id)> backends)
    {
        foreach (var (backend, number, id) in backends)
        {
            AddRow("write_dest_ip_table", [id], "update_dst_ip", Ip(backend), number);
            AddMember(protocol, id);
        }

        Rows.Add(Group(protocol, group, backends.Select(b => b.Id)));
        foreach (var (backend, number, _) in backends)
        {
            AddRow($"set_meta_{Lower(protocol)}", [Ip(backend), number], "set_key_for_reverse_ct", group);
        }

        var row = TableRow($"tx_balance_{Lower(protocol)}", [Ip(address), port]);
        row.Action = new TableAction { ActionProfileGroupId = group };
        Rows.Add(new Entity { TableEntry = row });
        AddRow("write_source_ip_table", [group], "update_src_ip", Ip(address), port);
    }

    private void AddE2100Service(
        string address, string protocol, ushort port, uint group, List<(string Address, ushort Port, uint Id)> backends)
    {
        if (!_services.Any(s => (string)s.Value!["ClusterIp"]! == address && (string)s.Value["Proto"]! == protocol))
        {
            AddRow(protocol == "TCP" ? "ipv4_to_port_table_tx_tcp" : "ipv4_to_port_table_tx", [Ip(address)],
                protocol == "TCP" ? "set_vip_flag_tcp" : "set_vip_flag");
        }

        foreach (var (backend, number, id) in backends)
        {
            AddRow("write_dest_ip_table", [id], "update_dst_ip_mac", Mac(ArpMac), Mac(MacOf(backend)), Ip(backend), number);
        }

        AddRow("write_source_ip_table", [group], "update_src_ip_mac", Mac(ArpMac), Ip(address), port);
        foreach (var (backend, number, _) in backends)
        {
            AddRow("rx_src_ip", [Ip(backend), NumberOf(protocol), number], "set_source_ip", group);
        }

        for (var i = 0; i < HashValues; i++)
        {
            var (backend, _, id) = backends[i % backends.Count];
            AddRow("tx_balance", [Ip(address), NumberOf(protocol), port, (ulong)i], "set_default_lb_dest",
                (uint)_endpoints[backend]!["InterfaceID"]!, id);
        }
    }

    private string MacOf(string address) => (string)_endpoints[address]!["PodMacAddress"]!;

    private static JsonObject Endpoint(string address, string mac, uint port, uint pointer) => new()
    {
        ["ModPtr"] = pointer,
        ["InterfaceID"] = port,
        ["PodIpAddress"] = address,
        ["PodMacAddress"] = mac,
    };

    private JsonObject Backend(string address, ushort port, uint id) => new()
    {
        ["IpAddress"] = address,
        ["Port"] = port,
        ["MemberID"] = isE2100 ? 0 : id,
        ["ModBlobPtrDNAT"] = id,
    };

    private void AddMember(string protocol, uint id) => Rows.Add(new Entity
    {
        ActionProfileMember = new ActionProfileMember { ActionProfileId = Profile(protocol), MemberId = id, Action = Call("set_default_lb_dest", id) },
    });

    // The manager sends weight 0, which infrap4d takes and the P4Runtime specification forbids.
    private Entity Group(string protocol, uint group, IEnumerable<uint> members)
    {
        var row = new ActionProfileGroup { ActionProfileId = Profile(protocol), GroupId = group, MaxSize = 128 };
        row.Members.AddRange(members.Select(m => new ActionProfileGroup.Types.Member { MemberId = m, Weight = 1 }));
        return new Entity { ActionProfileGroup = row };
    }

    private void AddRow(string table, ulong[] keys, string action, params ulong[] values)
    {
        var row = TableRow(table, keys);
        row.Action = new TableAction { Action = Call(action, values) };
        Rows.Add(new Entity { TableEntry = row });
    }

    private TableEntry TableRow(string table, ulong[] keys)
    {
        var schema = info.Tables.Single(t => t.Preamble.Name == $"k8s_dp_control.{table}");
        var row = new TableEntry { TableId = schema.Preamble.Id };
        row.Match.AddRange(schema.MatchFields.OrderBy(f => f.Id).Select((f, i) =>
            new FieldMatch { FieldId = f.Id, Exact = new FieldMatch.Types.Exact { Value = Canonical(keys[i]) } }));
        return row;
    }

    private Action Call(string name, params ulong[] values)
    {
        var schema = info.Actions.Single(a => a.Preamble.Name == $"k8s_dp_control.{name}");
        var action = new Action { ActionId = schema.Preamble.Id };
        action.Params.AddRange(
            values.Select((v, i) => new Action.Types.Param
            {
                ParamId = schema.Params.OrderBy(p => p.Id).ElementAt(i).Id,
                Value = Canonical(v),
            }));
        return action;
    }

    private uint Profile(string protocol) =>
        info.ActionProfiles.Single(p => p.Preamble.Name == $"k8s_dp_control.as_sl3_{Lower(protocol)}").Preamble.Id;

    private static ulong NumberOf(string protocol) => protocol == "TCP" ? 6ul : 17;

    private static string Lower(string protocol) => protocol == "TCP" ? "tcp" : "udp";

    private static ulong Ip(string text) => IPAddress.Parse(text).GetAddressBytes().Aggregate(0ul, (value, b) => (value << 8) | b);

    private static ulong Mac(string text) => Convert.ToUInt64(text.Replace(":", "", StringComparison.Ordinal), 16);

    // The shortest big-endian form, at least one byte.
    private static ByteString Canonical(ulong value)
    {
        byte[] bytes = [.. BitConverter.GetBytes(value).Reverse().SkipWhile(b => b == 0)];
        return ByteString.CopyFrom(bytes.Length == 0 ? [0] : bytes);
    }
}
