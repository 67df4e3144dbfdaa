using System.Buffers.Binary;
using System.Net;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>Turns rows of policy into entries of the pipeline and back. Not thread-safe.</summary>
internal sealed class PolicyRowCompiler
{
    private readonly EntryBuilder _verdicts;
    private readonly EntryBuilder _egressGroups;
    private readonly EntryBuilder _ingressGroups;
    private readonly EntryBuilder _peers;
    private readonly EntryBuilder _nets;
    private readonly EntryBuilder _ports;
    private readonly EntryBuilder _ranges;

    /// <exception cref="P4InfoException">The pipeline lacks a table, field or action; the message names it.</exception>
    public PolicyRowCompiler(Pipeline pipeline)
    {
        _verdicts = pipeline.Table("verdicts").NewEntry();
        _egressGroups = pipeline.Table("egress_groups").NewEntry();
        _ingressGroups = pipeline.Table("ingress_groups").NewEntry();
        _peers = pipeline.Table("peers").NewEntry();
        _nets = pipeline.Table("nets").NewEntry();
        _ports = pipeline.Table("ports").NewEntry();
        _ranges = pipeline.Table("port_ranges").NewEntry();
        ProbeNames();
    }

    /// <summary>The entry of a row; null if it is about IPv6, of which the pipeline forwards nothing.</summary>
    public Entry? For(PolicyRow row, PolicyNumbering numbers) => row switch
    {
        PeerRow peer => peer.Address.IsIpv4
            ? _peers.Exact("address", Ipv4.Value(peer.Address.ToIPAddress())).Action("peer")
                .Param("class", numbers.Peer(peer.Class)).Build()
            : null,
        NetRow net => net.Net.IsIpv4
            ? _nets.Lpm("address", Ipv4.Value(net.Net.First.ToIPAddress()), net.Net.PrefixLength).Action("peer")
                .Param("class", numbers.Peer(net.Class)).Build()
            : null,
        PortRow port => _ports.Exact("protocol", port.Protocol).Exact("port", port.Port).Action("numbered_port")
            .Param("class", numbers.Port(port.Class)).Build(),
        PortRangeRow range => _ranges.Exact("protocol", range.Protocol).Lpm("port", range.First, range.Length).Action("numbered_port")
            .Param("class", numbers.Port(range.Class)).Build(),
        GroupRow group => (group.Direction == PolicyDirection.Egress ? _egressGroups : _ingressGroups)
            .Exact("set", numbers.Group(group.Set)).Exact("class", numbers.Peer(group.Class)).Action("group")
            .Param("group", numbers.Group(group.Group)).Build(),
        VerdictRow verdict => _verdicts.Exact("group", numbers.Group(verdict.Group)).Exact("port_class", numbers.Port(verdict.PortClass))
            .Action(ActionOf(verdict.Verdict)).Param("rule", verdict.Verdict.Rule).Build(),
        _ => throw new ArgumentException($"{row} does not belong to a policy table", nameof(row)),
    };

    /// <summary>Adds what an entry that was read back says, with the target's numbers.</summary>
    public static void Read(Entry entry, PolicyTargetRows rows)
    {
        var match = entry.EnumerateMatch().ToDictionary(m => m.Field.Name, m => m, StringComparer.Ordinal);
        switch (entry.Table.Alias)
        {
            case "peers":
                rows.Add(new PeerRow(AddressOf("address"), Param("class")));
                break;
            case "nets":
                var block = match["address"];
                rows.Add(new NetRow(
                    PolicyNet.Around(AddressOf("address"), block.PrefixLength + PolicyAddress.MappedLength), Param("class")));
                break;
            case "ports":
                rows.Add(new PortRow((byte)Number("protocol"), (ushort)Number("port"), Param("class")));
                break;
            case "port_ranges":
                rows.Add(new PortRangeRow((byte)Number("protocol"), (ushort)Number("port"), match["port"].PrefixLength, Param("class")));
                break;
            case "egress_groups":
                rows.Add(new GroupRow(PolicyDirection.Egress, Number("set"), Number("class"), Param("group")));
                break;
            case "ingress_groups":
                rows.Add(new GroupRow(PolicyDirection.Ingress, Number("set"), Number("class"), Param("group")));
                break;
            case "verdicts":
                var action = entry.Action.Alias;
                var isAllowed = action.EndsWith("allow", StringComparison.Ordinal);
                var verdict = new RowVerdict(isAllowed, Param("rule"), action.StartsWith("log_", StringComparison.Ordinal), 0);
                rows.Add(new VerdictRow(Number("group"), Number("port_class"), verdict));
                break;
            case "pods":
                rows.Bind(AddressOf("dst_ip"), new PolicySets(Param("egress_set"), Param("ingress_set")));
                break;
            case "port_class":
                rows.PortSets[Number("port")] = new PolicySets(Param("egress_set"), Param("ingress_set"));
                break;
        }

        PolicyAddress AddressOf(string field) => PolicyAddress.Of(new IPAddress(match[field].Value.Span));

        uint Number(string field) => ValueOf(match[field].Value.Span);

        // An action without the parameter: an entry of a pod that is not isolated.
        uint Param(string name) =>
            entry.EnumerateParams().Where(p => p.Param.Name == name).Select(p => ValueOf(p.Value.Span)).SingleOrDefault();
    }

    private static uint ValueOf(ReadOnlySpan<byte> bytes)
    {
        Span<byte> word = stackalloc byte[sizeof(uint)];
        bytes.CopyTo(word[(word.Length - bytes.Length)..]);
        return BinaryPrimitives.ReadUInt32BigEndian(word);
    }

    private static string ActionOf(RowVerdict verdict) => (verdict.IsAllowed, verdict.IsLogged) switch
    {
        (true, false) => "allow",
        (false, false) => "deny",
        (true, true) => "log_allow",
        _ => "log_deny",
    };

    /// <summary>Builds one entry of each kind, so that a pipeline that lacks a name is found at the start.</summary>
    private void ProbeNames()
    {
        var numbers = new PolicyNumbering();
        var address = PolicyAddress.Of(IPAddress.Loopback);
        var net = PolicyNet.Around(address, PolicyAddress.MappedLength + 8);
        PolicyRow[] rows =
        [
            new PeerRow(address, 1), new NetRow(net, 1), new PortRow(IpProtocol.Tcp, 1, 1), new PortRangeRow(IpProtocol.Tcp, 0, 1, 1),
            new GroupRow(PolicyDirection.Egress, 2, 1, 4), new GroupRow(PolicyDirection.Ingress, 2, 1, 4),
            new VerdictRow(2, 1, new RowVerdict(true, 1, false, 0)), new VerdictRow(2, 1, new RowVerdict(false, 1, false, 0)),
            new VerdictRow(2, 1, new RowVerdict(true, 1, true, 0)), new VerdictRow(2, 1, new RowVerdict(false, 1, true, 0)),
        ];
        foreach (var row in rows)
        {
            _ = For(row, numbers);
        }
    }
}
