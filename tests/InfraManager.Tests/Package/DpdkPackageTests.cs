using System.Net.Sockets;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Package;

/// <summary>The package of release 24.01 for P4-DPDK, behind a strict server.</summary>
public sealed class DpdkPackageTests
{
    [Fact]
    public async Task The_rows_of_a_pod_exist_while_it_is_attached()
    {
        await using var harness = await StartAsync();
        Assert.Equal(["arpt_to_port_table a9fe0101 -> set_dest_vport(0)"], harness.Server.Lines());
        var pod = TestNode.Pod(1) with { Device = DeviceKind.Tap };
        var outcome = await harness.AttachAsync(pod);
        Assert.Equal(2u, outcome.Port);
        Assert.Equal(
            ["arpt_to_port_table a9fe0101 -> set_dest_vport(0)", "arpt_to_port_table af40001 -> set_dest_vport(2)",
                "ipv4_to_port_table af40001 -> set_dest_mac_vport(2, 20000000002)"],
            harness.Server.Lines());
        await harness.DetachAsync(pod);
        Assert.Equal(["arpt_to_port_table a9fe0101 -> set_dest_vport(0)"], harness.Server.Lines());
        Assert.Empty(harness.Server.Refused);
        Assert.Equal(0, harness.Server.Pushes);
    }

    [Fact]
    public async Task A_service_is_a_group_of_members_that_follows_its_backends()
    {
        await using var harness = await StartAsync();
        var before = harness.Server.Lines();
        await harness.SetAsync(TestService.Of(7, TestService.Remote(1), TestService.Remote(2)));
        var port = State(harness, 7);
        (var frontend, var set, var first, var second) = (port.Frontends[0].Id, port.Cluster.Id, port.Backends[0].Id, port.Backends[1].Id);
        Assert.Equal(
            new[]
            {
                $"as_sl3_tcp.groups {set} -> {first},{second}",
                $"as_sl3_tcp.members {first} -> set_default_lb_dest({first:x})",
                $"as_sl3_tcp.members {second} -> set_default_lb_dest({second:x})",
                $"set_meta_tcp afa0001 1f90 -> set_key_for_reverse_ct({frontend:x})",
                $"set_meta_tcp afa0002 1f90 -> set_key_for_reverse_ct({frontend:x})",
                $"tx_balance_tcp a600007 50 -> group {set}",
                $"write_dest_ip_table {first:x} -> update_dst_ip(afa0001, 1f90)",
                $"write_dest_ip_table {second:x} -> update_dst_ip(afa0002, 1f90)",
                $"write_source_ip_table {frontend:x} -> update_src_ip(a600007, 50)",
            }.Order(StringComparer.Ordinal),
            harness.Server.Lines().Except(before));

        await harness.SetAsync(TestService.Of(7, TestService.Remote(2), TestService.Remote(3)));
        var third = State(harness, 7).Backends.Single(b => b.Key.Address.Equals(TestService.Remote(3).Address)).Id;
        Assert.Equal([$"as_sl3_tcp.groups {set} -> {string.Join(',', new[] { second, third }.Order())}"],
            harness.Server.Lines("as_sl3_tcp.groups"));
        Assert.Equal(2, harness.Server.Lines("as_sl3_tcp.members").Length);
        Assert.DoesNotContain(harness.Server.Lines(), l => l.Contains("afa0001", StringComparison.Ordinal));

        await harness.SetAsync(TestService.Of(7));
        Assert.Equal(before, harness.Server.Lines());
        await harness.RemoveAsync(7);
        Assert.Equal(before, harness.Server.Lines());
        // Nothing was written in an order that the device must refuse.
        Assert.Empty(harness.Server.Refused);
    }

    [Fact]
    public async Task Pinned_TCP_flows_stay_on_their_pod_and_UDP_flows_move()
    {
        await using var harness = await StartAsync();
        await harness.AttachAsync(TestNode.Pod(1));
        await harness.AttachAsync(TestNode.Pod(2));
        ServiceSpec Both(params Backend[] backends) =>
            new(TestService.Key(1),
                [TestService.Port(1, ProtocolType.Tcp, 80, backends), TestService.Port(1, ProtocolType.Udp, 80, backends)]);
        await harness.SetAsync(Both(TestService.Pod(1), TestService.Pod(2)));
        var rows = harness.Server.Lines("write_dest_ip_table");
        uint tcp = Of(ProtocolType.Tcp), udp = Of(ProtocolType.Udp);
        await harness.SetAsync(Both(TestService.Pod(2)));
        Assert.Equal(4, harness.Server.Lines("write_dest_ip_table").Length);
        Assert.Contains($"write_dest_ip_table {tcp:x} -> update_dst_ip(af40001, 1f90)", harness.Server.Lines());
        Assert.Contains($"write_dest_ip_table {udp:x} -> update_dst_ip(af40002, 1f90)", harness.Server.Lines());
        Assert.Single(harness.Server.Lines("as_sl3_tcp.members"));
        await harness.DetachAsync(TestNode.Pod(1));
        await harness.SettledAsync();
        Assert.Equal(2, harness.Server.Lines("write_dest_ip_table").Length);

        // The next holder of the address gets no ID that a pinned flow may still use.
        await harness.AttachAsync(TestNode.Pod(1));
        await harness.SetAsync(Both(TestService.Pod(1), TestService.Pod(2)));
        Assert.Equal(4, harness.Server.Lines("write_dest_ip_table").Length);
        Assert.Equal(2, harness.Server.Lines("write_dest_ip_table").Intersect(rows).Count());
        Assert.Empty(harness.Server.Refused);

        uint Of(ProtocolType protocol) =>
            harness.Programmer.Services[TestService.Key(1)].State.Ports.Single(p => p.Protocol == protocol).Backends[0].Id;
    }

    [Fact]
    public async Task A_restart_writes_nothing_except_to_delete_unknown_members()
    {
        await using var harness = await StartAsync();
        await harness.SetAsync(TestService.Of(7, TestService.Remote(1), TestService.Remote(2)));
        var rows = harness.Server.Lines();
        var updates = harness.Server.Updates;
        await harness.ReopenAsync();
        Assert.Equal((updates, 0), (harness.Server.Updates, harness.Server.Refusals));

        await harness.CloseAsync();
        harness.Server.Drift((tables, info) =>
        {
            // As after a crash: an extra member, already in the group.
            var id = info.ActionProfiles[0].Preamble.Id;
            var group = tables.Entities.Single(e => e.ActionProfileGroup is not null).ActionProfileGroup.Clone();
            var action = new P4.V1.Action
            {
                ActionId = info.Actions.Single(a => a.Preamble.Alias == "set_default_lb_dest").Preamble.Id,
                Params = { new P4.V1.Action.Types.Param { ParamId = 1, Value = Google.Protobuf.ByteString.CopyFrom(0x77) } }
            };
            tables.Apply(
                new P4.V1.Update
                {
                    Type = P4.V1.Update.Types.Type.Insert,
                    Entity = new P4.V1.Entity
                    {
                        ActionProfileMember = new P4.V1.ActionProfileMember
                        {
                            ActionProfileId = id,
                            MemberId = 0x77,
                            Action = action
                        }
                    }
                });
            group.Members.Add(new P4.V1.ActionProfileGroup.Types.Member { MemberId = 0x77, Weight = 1 });
            tables.Apply(
                new P4.V1.Update { Type = P4.V1.Update.Types.Type.Modify, Entity = new P4.V1.Entity { ActionProfileGroup = group } });
        });
        harness.Open();
        await harness.ReadyAsync();
        Assert.Equal(rows, harness.Server.Lines());
        Assert.Empty(harness.Server.Refused);
    }

    [Theory]
    [InlineData("as_sl3_udp", "has no action profile 'k8s_dp_control.as_sl3_udp'")]
    [InlineData("set_meta_udp", "has no table 'k8s_dp_control.set_meta_udp'")]
    public async Task A_different_pipeline_is_refused_with_the_name_of_the_missing_object(string name, string text)
    {
        var info = PackageInfo.Dpdk();
        if (info.Tables.FirstOrDefault(t => t.Preamble.Alias == name) is { } table)
        {
            info.Tables.Remove(table);
        }

        if (info.ActionProfiles.FirstOrDefault(p => p.Preamble.Alias == name) is { } profile)
        {
            info.ActionProfiles.Remove(profile);
        }

        await using var harness = await PackageHarness.StartAsync(PipelineProfiles.Dpdk2401, info, wait: false);
        await Eventually.TrueAsync(() => harness.Programmer.Status.TargetReason.Contains(text, StringComparison.Ordinal),
            () => harness.Programmer.Status.TargetReason);
        Assert.Equal(0, harness.Server.Writes);
    }

    [Fact]
    public async Task The_pipeline_of_the_other_package_is_refused()
    {
        await using var harness = await PackageHarness.StartAsync(PipelineProfiles.Dpdk2401, PackageInfo.Es2k(), wait: false);
        await Eventually.TrueAsync(
            () => harness.Programmer.Status.TargetReason.StartsWith(
                "the target's pipeline does not match profile dpdk-24.01: pipeline k8s_dp has no table "
                + "'k8s_dp_control.arpt_to_port_table'", StringComparison.Ordinal),
            () => harness.Programmer.Status.TargetReason);
    }

    private static Task<PackageHarness> StartAsync() => PackageHarness.StartAsync(PipelineProfiles.Dpdk2401, PackageInfo.Dpdk());

    private static PortState State(PackageHarness harness, int service) =>
        harness.Programmer.Services[TestService.Key(service)].State.Ports[0];
}
