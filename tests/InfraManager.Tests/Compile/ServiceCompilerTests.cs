using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Programming.Compile;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Compile;

public sealed class ServiceCompilerTests
{
    private readonly ServiceCompiler _compiler = new(TestPipeline.Artifacts.Pipeline);
    private readonly ServicePlanner _planner;
    private uint _last;

    public ServiceCompilerTests() => _planner = new ServicePlanner("node-1", () => ++_last, _ => 0, _ => 0, _ => 0);

    [Fact]
    public void A_service_compiles_to_the_specified_rows() => Assert.Equal(
        [
            "backends backend_id=1 -> to_backend(ip=10.244.0.1, port=8080, endpoint_id=2, on_host=0)",
            "backends backend_id=3 -> to_backend(ip=192.0.2.10, port=6443, endpoint_id=4, on_host=1)",
            "buckets bucket=0 set_id=6 -> bucket_backend(backend_id=3)",
            "buckets bucket=1 set_id=6 -> bucket_backend(backend_id=1)",
            "endpoints ip=10.244.0.1 port=8080 protocol=6 -> endpoint(id=2)",
            "endpoints ip=192.0.2.10 port=6443 protocol=6 -> endpoint(id=4)",
            "frontends frontend_id=5 -> frontend_address(ip=10.96.0.1, port=80)",
            "services outside=0 ip=10.96.0.1 port=80 protocol=6 -> balance(frontend_id=5, set_id=6, buckets=2, succession=0, pool=0, "
            + "affinity=0, max_age=0, ranges_id=0)",
            "services outside=1 ip=10.96.0.1 port=80 protocol=6 -> balance(frontend_id=5, set_id=6, buckets=2, succession=0, pool=1, "
            + "affinity=0, max_age=0, ranges_id=0)",
        ],
        Rows(_planner.Next(null, TestService.Of(1, TestService.Pod(1), TestService.Host()))!));

    [Fact]
    public void Policy_Local_affinity_and_source_ranges_are_compiled()
    {
        var spec = new ServiceSpec(TestService.Key(1), [new ServicePortSpec(
            "http", ProtocolType.Tcp, 80, 90,
            [
                TestService.ClusterIP(1),
                new Frontend(IPAddress.Parse("203.0.113.5"), 80, FrontendKind.LoadBalancer, FlowTarget.Cluster, FlowTarget.Local, false,
                    false, [IPNetwork.Parse("198.51.100.0/24"), IPNetwork.Parse("0.0.0.0/0")]),
                new Frontend(IPAddress.Parse("192.0.2.10"), 30080, FrontendKind.NodePort, FlowTarget.Refuse, FlowTarget.Drop,
                    true, true, []),
            ],
            [TestService.Pod(1), TestService.Remote(2)])]);
        Assert.Equal(
            [
                "buckets bucket=0 set_id=8 -> bucket_backend(backend_id=1)",
                "buckets bucket=0 set_id=9 -> bucket_backend(backend_id=1)",
                "buckets bucket=1 set_id=8 -> bucket_backend(backend_id=3)",
                "services outside=0 ip=10.96.0.1 port=80 protocol=6 -> balance(frontend_id=5, set_id=8, buckets=2, succession=0, pool=0, "
                + "affinity=4, max_age=91350, ranges_id=0)",
                "services outside=0 ip=192.0.2.10 port=30080 protocol=6 -> refuse(frontend_id=7, pool=1)",
                "services outside=0 ip=203.0.113.5 port=80 protocol=6 -> balance(frontend_id=6, set_id=8, buckets=2, succession=0, "
                + "pool=0, affinity=4, max_age=91350, ranges_id=11)",
                "services outside=1 ip=10.96.0.1 port=80 protocol=6 -> balance(frontend_id=5, set_id=8, buckets=2, succession=0, pool=1, "
                + "affinity=4, max_age=91350, ranges_id=0)",
                "services outside=1 ip=192.0.2.10 port=30080 protocol=6 -> drop_new(frontend_id=7, pool=1)",
                "services outside=1 ip=203.0.113.5 port=80 protocol=6 -> balance(frontend_id=6, set_id=9, buckets=1, succession=0, "
                + "pool=0, affinity=4, max_age=91350, ranges_id=11)",
                "source_ranges ranges_id=11 -> in_range()",
                "source_ranges ranges_id=11 src_ip=198.51.100.0/24 -> in_range()",
            ],
            Rows(_planner.Next(null, spec)!).Where(r => r.StartsWith("buckets", StringComparison.Ordinal)
                || r.StartsWith("services", StringComparison.Ordinal) || r.StartsWith("source", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_set_without_backends_refuses_or_drops()
    {
        var spec = TestService.Of(1, TestService.Pod(1, ready: false)) with { };
        var asked =
            spec with
            {
                Ports = [
                spec.Ports[0] with { Frontends = [TestService.ClusterIP(1, 80,
                    FlowTarget.Cluster) with { Outside = FlowTarget.Local }] }]
            };
        Assert.Equal(
            "10.96.0.1:80/6 inside: refuse pool 0\n10.96.0.1:80/6 outside: drop_new pool 1",
            ServiceTables.Render(_compiler.Compile(_planner.Next(null, asked)!)));
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(1, 1, 1_300)]
    [InlineData(7, 1, 7_300)]
    [InlineData(8, 2, 8_300)]
    [InlineData(125, 5, 126_875)]
    [InlineData(10800, 6, 10_962_000)]
    [InlineData(40000, 8, 40_600_000)]
    [InlineData(86400, 8, 87_696_000)]
    public void Entries_of_clients_outlive_their_affinity(int seconds, int number, uint maxAge)
    {
        Assert.Equal(number, AffinityClass.Of(seconds));
        Assert.Equal(maxAge, AffinityClass.MaxAge(seconds));
    }

    [Fact]
    public void The_node_has_rows_for_its_gateway_and_for_unroutable_ranges()
    {
        string[] always =
        [
            "local_sources src_ip=169.254.1.1 -> gateway_source()",
            "routes dst_ip=0.0.0.0/8 -> never_routed()",
            "routes dst_ip=10.244.0.0/16 -> unassigned()",
            "routes dst_ip=10.96.0.0/12 -> unassigned()",
            "routes dst_ip=127.0.0.0/8 -> never_routed()",
            "routes dst_ip=169.254.0.0/16 -> never_routed()",
            "routes dst_ip=169.254.1.1/32 -> to_gateway()",
        ];
        Assert.Equal(always, Rows(TestNode.Settings));
        // Ranges with configured routes get no default rows.
        var mac = ACCOffload.NativeInterop.Addresses.MacAddress.Parse("02:00:00:00:00:99");
        Assert.Equal(
            always.Where(r => !r.Contains("10.96.0.0/12", StringComparison.Ordinal)
                && !r.Contains("169.254.0.0/16", StringComparison.Ordinal)),
            Rows(TestNode.Settings with
            {
                Uplink = new UplinkSettings("uplink0", mac,
                [new(IPNetwork.Parse("10.96.0.0/12"), mac), new(IPNetwork.Parse("169.254.0.0/16"), mac)])
            }));

        static string[] Rows(NodeSettings node) =>
            [.. Text(new NodeCompiler(TestPipeline.Artifacts.Pipeline, node).Compile(SnatState.None))
                .Where(r => !r.StartsWith("pools", StringComparison.Ordinal))];
    }

    [Fact]
    public void The_node_has_pools_and_masquerades_once_address_and_prefixes_are_known()
    {
        var compiler = new NodeCompiler(TestPipeline.Artifacts.Pipeline, TestNode.Settings);
        string[] pools =
        [
            "pools pool=1 -> pool_ports(ip=192.0.2.10, first_port=12000, ports=18000, port_mask=32767)",
            "pools pool=254 -> pool_ports(ip=169.254.1.1, first_port=12000, ports=18000, port_mask=32767)",
            "pools pool=255 -> pool_ports(ip=192.0.2.10, first_port=12000, ports=18000, port_mask=32767)",
        ];
        Assert.Equal(pools, Rows(SnatState.None));
        Assert.Equal(pools, Rows(new SnatState(IPAddress.Parse("192.0.2.99"), [])));
        Assert.Equal(
            [
                "outgoing -> masquerade_source(pool=2)",
                "outgoing dst_ip=10.128.0.0/9 -> keep_source()",
                "outgoing dst_ip=10.244.0.0/16 -> keep_source()",
                "outgoing dst_ip=169.254.1.1/32 -> keep_source()",
                "outgoing dst_ip=192.0.2.10/32 -> keep_source()",
                "outgoing dst_ip=200.1.1.2/32 -> keep_source()",
                pools[0],
                "pools pool=2 -> pool_ports(ip=192.0.2.99, first_port=12000, ports=18000, port_mask=32767)",
                pools[1],
                pools[2],
            ],
            Rows(new SnatState(IPAddress.Parse("192.0.2.99"), [IPNetwork.Parse("10.128.0.0/9")])));

        // Masquerading as configured; the settings of a 24.01 agent take precedence.
        compiler.Node = TestNode.Settings with
        {
            Masquerade = MasqueradeMode.On,
            ClusterRanges = [IPNetwork.Parse("10.128.0.0/9")],
        };
        var configured = Rows(SnatState.None);
        Assert.Equal("outgoing -> masquerade_source(pool=2)", configured[0]);
        Assert.Contains("outgoing dst_ip=10.128.0.0/9 -> keep_source()", configured);
        Assert.Contains(configured, r => r.StartsWith("pools pool=2 -> pool_ports(ip=192.0.2.10,", StringComparison.Ordinal));
        Assert.Contains(
            Rows(new SnatState(IPAddress.Parse("192.0.2.99"), [IPNetwork.Parse("10.0.0.0/8")])),
            r => r.StartsWith("pools pool=2 -> pool_ports(ip=192.0.2.99,", StringComparison.Ordinal));
        compiler.Node = compiler.Node with { Masquerade = MasqueradeMode.Auto };
        Assert.Equal(pools, Rows(SnatState.None));

        string[] Rows(SnatState snat) =>
            [.. Text(compiler.Compile(snat))
                .Where(r => r.StartsWith("pools", StringComparison.Ordinal) || r.StartsWith("outgoing", StringComparison.Ordinal))];
    }

    private string[] Rows(ServiceState state) => Text(_compiler.Compile(state));

    private static string[] Text(IEnumerable<ACCOffload.P4Runtime.Entries.Entry> entries) =>
        [.. entries.Select(e => e.ToString()).Order(StringComparer.Ordinal)];
}
