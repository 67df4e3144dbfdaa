using System.Net.Sockets;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Addresses;
using P4.Config.V1;

namespace ACCOffload.InfraManager.Tests.Package;

/// <summary>Profile es2k-24.01 against a strict server with a P4Info that is reconstructed from release 24.01.</summary>
public sealed class Es2kPackageTests
{
    private const string GatewayMac = "400000314";

    [Fact]
    public async Task The_nodes_rows_forward_ARP_to_the_gateway_vport_and_classify_TCP_segments()
    {
        await using var harness = await StartAsync();
        Assert.Equal(["arp_to_port_table a9fe0101 -> set_dest_vport(14)"], harness.Server.Lines("arp_to_port_table"));
        // Key: direction, ack, rst, syn, fin.
        Assert.Equal(
            [
                "1 0 0 0 0 other", "1 0 0 0 1 end", "1 0 0 1 0 syn", "1 0 0 1 1 end", "1 0 1 0 0 end", "1 0 1 0 1 end", "1 0 1 1 0 end",
                "1 0 1 1 1 end",
                "1 1 0 0 0 other", "1 1 0 0 1 end", "1 1 0 1 0 other", "1 1 0 1 1 end", "1 1 1 0 0 end", "1 1 1 0 1 end", "1 1 1 1 0 end",
                "1 1 1 1 1 end",
            ],
            harness.Server.Lines("service_flow_packet_options").Select(l => l["service_flow_packet_options ".Length..]
                .Replace("-> tcp_syn_packet()", "syn", StringComparison.Ordinal).Replace("-> tcp_fin_or_rst_packet()", "end",
                    StringComparison.Ordinal).Replace("-> tcp_other_packets()", "other", StringComparison.Ordinal)));
        Assert.Equal((0, 0), (harness.Server.Pushes, harness.Server.Refusals));
        Assert.Equal(0x2401ul, harness.Target.Cookie);
    }

    [Fact]
    public async Task The_rows_of_a_pod_exist_while_it_is_attached()
    {
        await using var harness = await StartAsync();
        var before = harness.Server.Lines();
        var outcome = await harness.AttachAsync(PackageHarness.Pod(1));
        Assert.Equal(26u, outcome.Port);
        Assert.Equal(
            [
                "arp_to_port_table af40001 -> set_dest_vport(1a)",
                "ipv4_to_port_table_rx af40001 -> set_dest_vport(1a)",
                "ipv4_to_port_table_tx af40001 -> set_dest_mac_vport(1a, 1a)",
                "ipv4_to_port_table_tx_service af40001 -> set_dest_mac_vport(1a, 1a)",
                "ipv4_to_port_table_tx_tcp af40001 -> set_dest_mac_vport(1a, 1a)",
                $"pod_gateway_mac_mod_table 1a -> update_src_dst_mac({GatewayMac}, a00000314)",
            ],
            harness.Server.Lines().Except(before));
        await harness.AttachAsync(PackageHarness.Host());
        Assert.Equal(
            ["arp_to_port_table a9fe0101 -> set_dest_vport(14)", "arp_to_port_table af40001 -> set_dest_vport(1a)",
                "arp_to_port_table c000020a -> set_dest_vport(15)", "arp_to_port_table c8010102 -> set_dest_vport(15)"],
            harness.Server.Lines("arp_to_port_table"));
        await harness.DetachAsync(PackageHarness.Pod(1));
        await harness.DetachAsync(PackageHarness.Host());
        Assert.Equal(before, harness.Server.Lines());
        Assert.Equal(0, harness.Server.Refusals);
    }

    [Fact]
    public async Task Children_of_one_vport_share_its_MAC_rewrite_row()
    {
        await using var harness = await StartAsync();
        var parent = PackageHarness.Pod(1) with { Device = DeviceKind.Ipvlan };
        var child = TestNode.Pod(2) with { Device = DeviceKind.Ipvlan, Mac = parent.Mac, PortName = parent.PortName };
        await harness.AttachAsync(parent);
        await harness.AttachAsync(child);
        Assert.Single(harness.Server.Lines("pod_gateway_mac_mod_table"));
        await harness.DetachAsync(parent);
        Assert.Equal(["ipv4_to_port_table_rx af40002 -> set_dest_vport(1a)"], harness.Server.Lines("ipv4_to_port_table_rx"));
        Assert.Single(harness.Server.Lines("pod_gateway_mac_mod_table"));
        await harness.DetachAsync(child);
        Assert.Empty(harness.Server.Lines("pod_gateway_mac_mod_table"));
    }

    [Fact]
    public async Task A_service_is_balanced_over_local_pods_and_releases_removed_backends()
    {
        await using var harness = await StartAsync();
        var before = harness.Server.Lines();
        await harness.AttachAsync(PackageHarness.Pod(1));
        await harness.AttachAsync(PackageHarness.Pod(2));
        var pods = harness.Server.Lines();
        await harness.SetAsync(TestService.Of(7, TestService.Pod(1), TestService.Pod(2)));

        Assert.Equal(["ipv4_to_port_table_tx_tcp a600007 -> set_vip_flag_tcp()"],
            harness.Server.Lines("ipv4_to_port_table_tx_tcp").Except(pods));
        Assert.Empty(harness.Server.Lines("ipv4_to_port_table_tx").Except(pods));
        (var frontend, var first, var second) = Numbers(harness, 7);
        Assert.Equal([$"write_source_ip_table {frontend:x} -> update_src_ip_mac({GatewayMac}, a600007, 50)"],
            harness.Server.Lines("write_source_ip_table"));
        Assert.Equal(
            new[]
            {
                $"write_dest_ip_table {first:x} -> update_dst_ip_mac({GatewayMac}, a00000314, af40001, 1f90)",
                $"write_dest_ip_table {second:x} -> update_dst_ip_mac({GatewayMac}, b00000314, af40002, 1f90)",
            }.Order(StringComparer.Ordinal),
            harness.Server.Lines("write_dest_ip_table"));
        Assert.Equal(
            [$"rx_src_ip af40001 6 1f90 -> set_source_ip({frontend:x})", $"rx_src_ip af40002 6 1f90 -> set_source_ip({frontend:x})"],
            harness.Server.Lines("rx_src_ip"));
        Assert.Equal(32, Balanced(harness).Count(l => l.EndsWith($"-> set_default_lb_dest(1a, {first:x})", StringComparison.Ordinal)));
        Assert.Equal(32, Balanced(harness).Count(l => l.EndsWith($"-> set_default_lb_dest(1b, {second:x})", StringComparison.Ordinal)));
        Assert.Equal(64, Balanced(harness).Select(l => l.Split(" -> ")[0]).Distinct().Count());

        // A backend is removed: its flows stay on it until the pod is detached, and then nothing of it remains.
        var balanced = Balanced(harness);
        await harness.SetAsync(TestService.Of(7, TestService.Pod(1)));
        Assert.All(Balanced(harness), l => Assert.EndsWith($"(1a, {first:x})", l, StringComparison.Ordinal));
        Assert.Equal(32, balanced.Intersect(Balanced(harness)).Count());
        Assert.Equal(2, harness.Server.Lines("write_dest_ip_table").Length);
        await harness.DetachAsync(PackageHarness.Pod(2));
        await harness.SettledAsync();
        Assert.Single(harness.Server.Lines("write_dest_ip_table"));
        Assert.Single(harness.Server.Lines("rx_src_ip"));

        await harness.DetachAsync(PackageHarness.Pod(1));
        await harness.SettledAsync();
        await harness.RemoveAsync(7);
        Assert.Equal(before, harness.Server.Lines());
        Assert.Empty(harness.Server.Refused);

        static string[] Balanced(PackageHarness harness) => harness.Server.Lines("tx_balance");
    }

    [Fact]
    public async Task UDP_services_use_set_vip_flag_and_reach_host_backends_through_the_host_vport()
    {
        await using var harness = await StartAsync();
        await harness.SetAsync(new ServiceSpec(TestService.Key(3), [TestService.Port(3, ProtocolType.Udp, 53, TestService.Host(5353))]));
        Assert.Empty(harness.Server.Lines("tx_balance"));
        await harness.AttachAsync(PackageHarness.Host());
        await harness.SettledAsync();
        Assert.Equal(["ipv4_to_port_table_tx a600003 -> set_vip_flag()"],
            harness.Server.Lines("ipv4_to_port_table_tx").Where(l => l.Contains("vip", StringComparison.Ordinal)));
        Assert.All(harness.Server.Lines("tx_balance"),
            l => Assert.Matches("^tx_balance a600003 11 35 [0-9a-f]+ -> set_default_lb_dest\\(15, [0-9a-f]+\\)$", l));
        await harness.DetachAsync(PackageHarness.Host());
        await harness.SettledAsync();
        Assert.Empty(harness.Server.Lines("tx_balance"));
        Assert.Empty(harness.Server.Lines("write_dest_ip_table"));
        Assert.Empty(harness.Server.Refused);
    }

    [Fact]
    public async Task Rows_follow_a_backend_that_is_attached_later_or_changes_its_vport()
    {
        await using var harness = await StartAsync();
        await harness.AttachAsync(PackageHarness.Pod(1));
        await harness.SetAsync(TestService.Of(1, TestService.Pod(1), TestService.Pod(2)));
        Assert.All(harness.Server.Lines("tx_balance"), l => Assert.Contains("(1a, ", l, StringComparison.Ordinal));
        await harness.AttachAsync(PackageHarness.Pod(2));
        await harness.SettledAsync();
        Assert.Equal(32, harness.Server.Lines("tx_balance").Count(l => l.Contains("(1b, ", StringComparison.Ordinal)));
        await harness.AttachAsync(PackageHarness.Pod(2) with { Mac = MacAddress.Parse("00:63:00:00:03:14") });
        await harness.SettledAsync();
        Assert.Equal(32, harness.Server.Lines("tx_balance").Count(l => l.Contains("(73, ", StringComparison.Ordinal)));
        Assert.Contains(harness.Server.Lines("write_dest_ip_table"), l => l.Contains("6300000314, af40002", StringComparison.Ordinal));
        Assert.Empty(harness.Server.Refused);
    }

    [Fact]
    public async Task A_restart_corrects_only_unknown_and_modified_rows_of_the_managed_tables()
    {
        await using var harness = await StartAsync();
        await harness.AttachAsync(PackageHarness.Pod(1));
        await harness.SetAsync(TestService.Of(7, TestService.Pod(1)));
        var rows = harness.Server.Lines();
        var updates = harness.Server.Updates;
        await harness.ReopenAsync();
        Assert.Equal(updates, harness.Server.Updates);
        Assert.Equal(rows, harness.Server.Lines());

        await harness.CloseAsync();
        harness.Server.Drift((tables, info) =>
        {
            // An unknown row of a managed table, a row of a table that is not managed, and a modified row.
            tables.Apply(Row(info, "arp_to_port_table", [[10, 244, 9, 9]], "set_dest_vport", [[0x30]]));
            tables.Apply(Row(info, "comms_channel_table", [[3], [2]], "send", [[9]]));
            tables.Apply(Row(info, "arp_to_port_table", [[10, 244, 0, 1]], "set_dest_vport", [[0x31]], P4.V1.Update.Types.Type.Modify));
        });
        harness.Open();
        await harness.ReadyAsync();
        Assert.Equal([.. rows, "comms_channel_table 3 2 -> send(9)"],
            harness.Server.Lines().OrderBy(l => l.StartsWith("comms", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_server_may_start_later_and_restart()
    {
        await using var harness = await PackageHarness.StartAsync(PipelineProfiles.Es2k2401, null, wait: false);
        await Eventually.TrueAsync(() => harness.Programmer.Status.TargetReason.Contains("no pipeline is set", StringComparison.Ordinal),
            () => harness.Programmer.Status.TargetReason);
        await Assert.ThrowsAsync<IntentException>(() => harness.AttachAsync(PackageHarness.Pod(1)));
        harness.Server.Load(PackageInfo.Es2k());
        await harness.ReadyAsync();
        await harness.AttachAsync(PackageHarness.Pod(1));
        var rows = harness.Server.Lines();

        // The same package with other IDs and empty tables.
        var other = PackageInfo.Es2k();
        foreach (var table in other.Tables)
        {
            table.Preamble.Id += 100;
        }

        await harness.Server.StopAsync();
        harness.Server.Load(other);
        await harness.Server.RestartAsync();
        await Eventually.TrueAsync(() => harness.Server.Lines().SequenceEqual(rows), () => string.Join('\n', harness.Server.Lines()));
    }

    [Theory]
    [InlineData("table", "tx_balance", "has no table 'k8s_dp_control.tx_balance'")]
    [InlineData("action", "set_default_lb_dest", "table tx_balance has no action 'k8s_dp_control.set_default_lb_dest'")]
    [InlineData("param", "set_dest_mac_vport", "action set_dest_mac_vport of table ipv4_to_port_table_tx has 1 parameter(s), expected 2")]
    [InlineData("width", "set_source_ip",
        "parameter 1 (arg0) of action set_source_ip of table rx_src_ip is 8 bits wide, expected at least 24")]
    [InlineData("key", "rx_src_ip", "table rx_src_ip has no match field 'hdrs.l4_port[meta.common.depth].sport'")]
    [InlineData("kind", "arp_to_port_table", "table arp_to_port_table matches hdrs.arp.tpa as Lpm, expected an exact match")]
    public async Task A_different_pipeline_is_refused_with_a_message_that_names_the_mismatch(string what, string name, string text)
    {
        var info = PackageInfo.Es2k();
        var table = info.Tables.FirstOrDefault(t => t.Preamble.Alias == name);
        var action = info.Actions.FirstOrDefault(a => a.Preamble.Alias == name);
        switch (what)
        {
            case "table":
                info.Tables.Remove(table);
                break;
            case "action":
                info.Tables.Single(t => t.Preamble.Alias == "tx_balance").ActionRefs.Clear();
                break;
            case "param":
                action!.Params.RemoveAt(1);
                break;
            case "width":
                action!.Params[0].Bitwidth = 8;
                break;
            case "key":
                table!.MatchFields.RemoveAt(2);
                break;
            default:
                table!.MatchFields[0].MatchType = MatchField.Types.MatchType.Lpm;
                break;
        }

        await using var harness = await PackageHarness.StartAsync(PipelineProfiles.Es2k2401, info, wait: false);
        await Eventually.TrueAsync(() => harness.Programmer.Status.TargetReason.Contains("does not match profile es2k-24.01",
            StringComparison.Ordinal), () => harness.Programmer.Status.TargetReason);
        Assert.Contains(text, harness.Programmer.Status.TargetReason, StringComparison.Ordinal);
        var e = await Assert.ThrowsAsync<IntentException>(() => harness.AttachAsync(PackageHarness.Pod(1)));
        Assert.Equal(IntentError.Unavailable, e.Code);
        Assert.Contains(text, e.Message, StringComparison.Ordinal);
        Assert.Equal(0, harness.Server.Writes);

        // Once the right package is loaded, the programmer continues on its own.
        harness.Server.Load(PackageInfo.Es2k());
        await harness.ReadyAsync();
        await harness.AttachAsync(PackageHarness.Pod(1));
    }

    [Fact]
    public async Task A_change_that_the_device_refuses_is_undone_completely()
    {
        await using var harness = await StartAsync();
        await harness.AttachAsync(PackageHarness.Pod(1));
        var rows = harness.Server.Lines();
        harness.Server.FullTable = "ipv4_to_port_table_rx";
        var e = await Assert.ThrowsAsync<IntentException>(() => harness.AttachAsync(PackageHarness.Pod(2)));
        Assert.Equal(IntentError.ResourceExhausted, e.Code);
        harness.Server.FullTable = "tx_balance";
        e = await Assert.ThrowsAsync<IntentException>(() => harness.SetAsync(TestService.Of(1, TestService.Pod(1))));
        Assert.Equal(IntentError.ResourceExhausted, e.Code);
        Assert.Equal(rows, harness.Server.Lines());
        harness.Server.FullTable = null;
        await harness.AttachAsync(PackageHarness.Pod(2));
        await harness.SetAsync(TestService.Of(1, TestService.Pod(1), TestService.Pod(2)));
    }

    [Fact]
    public async Task The_gateways_vport_cannot_be_attached()
    {
        await using var harness = await StartAsync();
        var e = await Assert.ThrowsAsync<IntentException>(() =>
            harness.AttachAsync(PackageHarness.Pod(1) with { Mac = MacAddress.Parse("02:04:00:00:00:01") }));
        Assert.Equal((IntentError.AlreadyExists, "device.mac"), (e.Code, e.Field));
        Assert.Contains("port 20", e.Message, StringComparison.Ordinal);
    }

    private static Task<PackageHarness> StartAsync() => PackageHarness.StartAsync(PipelineProfiles.Es2k2401, PackageInfo.Es2k());

    private static (uint Frontend, uint First, uint Second) Numbers(PackageHarness harness, int service)
    {
        var port = harness.Programmer.Services[TestService.Key(service)].State.Ports[0];
        return (port.Frontends[0].Id, port.Backends[0].Id, port.Backends[1].Id);
    }

    private static P4.V1.Update Row(P4Info info, string table, byte[][] keys, string action, byte[][] values,
        P4.V1.Update.Types.Type kind = P4.V1.Update.Types.Type.Insert)
    {
        var row = new P4.V1.TableEntry { TableId = info.Tables.Single(t => t.Preamble.Alias == table).Preamble.Id };
        row.Match.AddRange(
            keys.Select((k, i) => new P4.V1.FieldMatch
            {
                FieldId = (uint)i + 1,
                Exact = new P4.V1.FieldMatch.Types.Exact { Value = Google.Protobuf.ByteString.CopyFrom(k) }
            }));
        var chosen = new P4.V1.Action { ActionId = info.Actions.Single(a => a.Preamble.Alias == action).Preamble.Id };
        chosen.Params.AddRange(values.Select((v, i) =>
            new P4.V1.Action.Types.Param { ParamId = (uint)i + 1, Value = Google.Protobuf.ByteString.CopyFrom(v) }));
        row.Action = new P4.V1.TableAction { Action = chosen };
        return new P4.V1.Update { Type = kind, Entity = new P4.V1.Entity { TableEntry = row } };
    }
}
