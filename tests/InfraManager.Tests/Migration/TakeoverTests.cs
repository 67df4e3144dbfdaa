using System.Net;
using System.Text;
using ACCOffload.InfraManager.Api;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Package;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.TestKit.Targets;
using P4.Config.V1;

namespace ACCOffload.InfraManager.Tests.Migration;

/// <summary>A strict target with the rows of 24.01's manager is taken over without a single update.</summary>
public sealed class TakeoverTests
{
    private const string Http = "10.96.0.10:TCP:80";

    [Fact]
    public async Task No_row_of_the_P4_DPDK_package_is_written()
    {
        await using var node = await StartAsync(isE2100: false);
        var rows = node.Harness.Server.Lines();
        await node.TakeOverAsync();
        Assert.Equal(rows, node.Harness.Server.Lines());
        Assert.Equal((0, 0), (node.Harness.Server.Updates, node.Harness.Server.Pushes));
    }

    [Fact]
    public async Task No_row_of_the_E2100_package_that_a_pod_needs_is_written()
    {
        await using var node = await StartAsync(isE2100: true);
        var rows = node.Harness.Server.Lines();
        await node.TakeOverAsync();
        // 24.01 gives the node's address a rewrite row of its own, with the same contents as that of the host's address.
        Assert.Equal(
            ["ipv4_to_port_table_tx c000020a -> set_dest_mac_vport(15, 2be)", "ipv4_to_port_table_tx_service c000020a -> set_dest_mac_vport(15, 2be)",
                "ipv4_to_port_table_tx_tcp c000020a -> set_dest_mac_vport(15, 2be)",
                "pod_gateway_mac_mod_table 2be -> update_src_dst_mac(400000314, 500000314)"],
            rows.Except(node.Harness.Server.Lines()));
        Assert.Equal(4, node.Harness.Server.Updates);
        // Packets to the node always find a rewrite row: the old one goes last.
        Assert.Equal("Delete", node.Harness.Server.Log[^1].Type.ToString());
        Assert.All(node.Harness.Server.Log.SkipLast(1), u => Assert.Equal("Modify", u.Type.ToString()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_agent_can_go_on(bool isE2100)
    {
        await using var node = await StartAsync(isE2100);
        await node.TakeOverAsync();
        var before = node.Harness.Server.Lines();
        var updates = node.Harness.Server.Updates;

        // The agent restarts: it sets up the host's interface again.
        await node.Harness.AttachAsync(Pod(0, isE2100) with
        {
            Kind = EndpointKind.Host,
            Key = InfraAgentRequests.HostKey,
            Addresses = [IPAddress.Parse(Release2401.HostAddress)],
        });
        Assert.Equal(updates, node.Harness.Server.Updates);

        // A new pod, and one on a device whose pod went away unnoticed.
        await node.Harness.AttachAsync(Pod(7, isE2100));
        await node.Harness.AttachAsync(Pod(8, isE2100) with { Mac = Pod(2, isE2100).Mac, PortName = Pod(2, isE2100).PortName });
        await node.Harness.SettledAsync();
        Assert.DoesNotContain(node.Harness.Server.Lines(), l => l.StartsWith("ipv4", StringComparison.Ordinal) && l.Contains(" af40002 "));
        await node.Harness.DetachAsync(Pod(7, isE2100));
        await node.Harness.Programmer.SubmitAsync(
            new DetachIntent("node-1", ApiOrigin.InfraAgent, InfraAgentRequests.ImportedKey(TestNode.Ip(1)), 0, 0), default);
        await node.Harness.SettledAsync();
        // Its service knows it as a backend until the agent says otherwise.
        Assert.DoesNotContain(
            node.Harness.Server.Lines(), l => l.Contains(" af40001 ") && !l.StartsWith("set_meta_tcp", StringComparison.Ordinal));
        Assert.Equal(before.Count(l => l.Contains(" af40003 ")), node.Harness.Server.Lines().Count(l => l.Contains(" af40003 ")));
        Assert.Empty(node.Harness.Server.Refused);

        // What was taken over survives a restart.
        updates = node.Harness.Server.Updates;
        await node.Harness.ReopenAsync();
        Assert.Equal(updates, node.Harness.Server.Updates);
    }

    [Fact]
    public async Task A_group_that_lost_its_first_backends_gets_them_back_and_nothing_else_changes()
    {
        await using var node = await StartAsync(isE2100: false, grow: true);
        var rows = node.Harness.Server.Lines();
        await node.TakeOverAsync();
        Assert.Equal(["as_sl3_tcp.groups 1 -> 17,18,19"], node.Harness.Server.Lines().Except(rows));
        Assert.Equal(1, node.Harness.Server.Updates);
    }

    [Fact]
    public async Task A_backend_that_got_no_flows_gets_its_share_with_the_next_change()
    {
        await using var node = await StartAsync(isE2100: true, grow: true);
        var rows = node.Harness.Server.Lines().Where(l => !l.Contains("c000020a", StringComparison.Ordinal)).ToArray();
        await node.TakeOverAsync();
        Assert.DoesNotContain(
            rows.Except(node.Harness.Server.Lines()), l => !l.StartsWith("pod_gateway", StringComparison.Ordinal));
        var service = Assert.Single(
            node.Harness.Programmer.Services.Values, s => s.State.Key.Name.StartsWith("10.96.0.10:80", StringComparison.Ordinal));
        var third = service.State.Ports[0].Backends.Single(b => b.Key.Address.Equals(TestNode.Ip(3))).Id;
        Assert.DoesNotContain(node.Harness.Server.Lines("tx_balance"), l => l.EndsWith($", {third:x})", StringComparison.Ordinal));
        await node.Harness.DetachAsync(Pod(7, isE2100: true));
        await node.Harness.Programmer.SubmitAsync(
            new DetachIntent("node-1", ApiOrigin.InfraAgent, InfraAgentRequests.ImportedKey(TestNode.Ip(2)), 0, 0), default);
        await node.Harness.SettledAsync();
        Assert.Contains(node.Harness.Server.Lines("tx_balance"), l => l.EndsWith($", {third:x})", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Numbers_beyond_those_that_are_given_out_are_kept()
    {
        await using var node = await StartAsync(isE2100: false, emptyServices: 70);
        var rows = node.Harness.Server.Lines();
        await node.TakeOverAsync();
        Assert.Contains(rows, l => l.StartsWith("write_dest_ip_table 471 ", StringComparison.Ordinal));
        Assert.Equal(rows, node.Harness.Server.Lines());
        Assert.Equal(0, node.Harness.Server.Updates);
    }

    private static async Task<Node> StartAsync(bool isE2100, bool grow = false, int emptyServices = 0)
    {
        var info = isE2100 ? PackageInfo.Es2k() : PackageInfo.Dpdk();
        var release = new Release2401(info, isE2100);
        release.Start(isE2100 ? 20u : 0);
        release.SetHost(Pod(0, isE2100).Mac.ToString(), isE2100 ? 21u : 1, "192.0.2.10", Pod(0, isE2100).PortName);
        for (var i = 1; i <= 4; i++)
        {
            release.AddEndpoint(TestNode.Ip(i).ToString(), Pod(i, isE2100).Mac.ToString(), PortOf(i, isE2100), Pod(i, isE2100).PortName);
        }

        // Services of the same backends differ in the backends' ports, as 24.01 needs it.
        for (ushort i = 0; i < emptyServices; i++)
        {
            release.AddService($"10.96.1.{i}", "TCP", 80, (TestNode.Ip(1).ToString(), (ushort)(9000 + i)));
        }

        release.AddService("10.96.0.10", "TCP", 80, (TestNode.Ip(1).ToString(), 8080), (TestNode.Ip(2).ToString(), 8080));
        release.AddService("10.96.0.10", "TCP", 81, (TestNode.Ip(4).ToString(), 8081));
        release.AddService("10.96.0.11", "UDP", 53, (TestNode.Ip(3).ToString(), 53));
        if (grow)
        {
            release.Grow(Http, TestNode.Ip(3).ToString(), 8080);
        }

        return await Node.StartAsync(info, release, isE2100);
    }

    private static uint PortOf(int number, bool isE2100) => isE2100 ? VportNumbers.PortOf(Pod(number, true).Mac) : (uint)number + 1;

    /// <summary>A pod as 24.01's agent requests it; 0 is the host's interface.</summary>
    private static EndpointSpec Pod(int number, bool isE2100) => TestNode.Pod(number) with
    {
        Origin = ApiOrigin.InfraAgent,
        Device = DeviceKind.Tap,
        Key = new AttachmentKey("infra", $"/var/run/netns/cni-{number}", "eth0"),
        PodName = "",
        PortName = isE2100 ? $"ens801f0d{number + 4}" : $"P4TAP_{number + 1}",
        Mac = MacAddress.Parse(isE2100 ? $"00:{number + 5:x2}:00:00:03:14" : $"9a:00:00:00:00:{number + 1:x2}"),
    };

    /// <summary>A target with 24.01's rows, and InfraManager after `inframanager migrate`.</summary>
    private sealed class Node : IAsyncDisposable
    {
        private readonly MigrationFolder _folder;
        private readonly bool _isE2100;

        private Node(PackageHarness harness, MigrationFolder folder, bool isE2100)
        {
            Harness = harness;
            _folder = folder;
            _isE2100 = isE2100;
        }

        public PackageHarness Harness { get; }

        public static async Task<Node> StartAsync(P4Info info, Release2401 release, bool isE2100)
        {
            var harness = await PackageHarness.StartAsync(
                isE2100 ? PipelineProfiles.Es2k2401 : PipelineProfiles.Dpdk2401, info, open: false);
            var folder = new MigrationFolder(isE2100 ? MigrationFolder.Cdq : MigrationFolder.Tap);
            folder.Write(release);
            harness.Server.Drift((tables, _) => release.Rows.ForEach(
                r => tables.Apply(new P4.V1.Update { Type = P4.V1.Update.Types.Type.Insert, Entity = r })));
            for (uint i = 0; i < 16; i++)
            {
                harness.Server.AddPort($"P4TAP_{i}", i);
            }

            return new Node(harness, folder, isE2100);
        }

        public async Task TakeOverAsync()
        {
            string[] options = _isE2100 ? [] : ["--taps", "16"];
            var config = await _folder.MigrateAsync(options);
            Harness.Node = SettingsLoader.Parse("migrated", Encoding.UTF8.GetBytes(config.ToJsonString())).Node;
            File.Move(_folder.Store, Harness.DatabasePath);
            Harness.Open();
            await Harness.ReadyAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await Harness.DisposeAsync();
            _folder.Dispose();
        }
    }
}
