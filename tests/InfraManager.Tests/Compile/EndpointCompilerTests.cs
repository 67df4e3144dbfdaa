using System.Net;
using ACCOffload.InfraManager.Programming.Compile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Tests.Compile;

public class EndpointCompilerTests
{
    private readonly EndpointCompiler _compiler = new(TestPipeline.Artifacts.Pipeline, TestNode.Settings);

    [Fact]
    public void A_pod_owns_its_port_guards_and_routes()
    {
        Endpoint pod = new(1, TestNode.Pod(1) with { Addresses = [TestNode.Ip(1), TestNode.Ip(2)] }, true);
        Assert.Equal(
            [
                "local_sources src_ip=10.244.0.1 -> local_source()",
                "local_sources src_ip=10.244.0.2 -> local_source()",
                "mac_guard port=7 src_mac=02:00:00:00:00:02 -> allow_mac()",
                "pods dst_ip=10.244.0.1 -> to_pod(port=7, src_mac=02:ac:c0:00:00:01, dst_mac=02:00:00:00:00:02)",
                "pods dst_ip=10.244.0.2 -> to_pod(port=7, src_mac=02:ac:c0:00:00:01, dst_mac=02:00:00:00:00:02)",
                "port_class port=7 -> pod_port(port=7, gateway_mac=02:ac:c0:00:00:01)",
                "source_guard port=7 src_mac=02:00:00:00:00:02 src_ip=10.244.0.1 -> allow_source()",
                "source_guard port=7 src_mac=02:00:00:00:00:02 src_ip=10.244.0.2 -> allow_source()",
            ],
            Text(_compiler.Compile(pod, 7)));
    }

    [Fact]
    public void The_host_owns_its_port_and_the_routes_to_all_node_addresses()
    {
        Assert.Equal(
            [
                "local_sources src_ip=192.0.2.10 -> node_source()",
                "local_sources src_ip=200.1.1.2 -> internal_source()",
                "port_class port=3 -> host_port(port=3, gateway_mac=02:ac:c0:00:00:01)",
                "routes dst_ip=192.0.2.10/32 -> to_port(port=3, src_mac=02:ac:c0:00:00:01, dst_mac=02:00:00:00:13:89)",
                "routes dst_ip=200.1.1.2/32 -> to_port(port=3, src_mac=02:ac:c0:00:00:01, dst_mac=02:00:00:00:13:89)",
            ],
            Text(_compiler.Compile(new Endpoint(1, TestNode.Host(), true), 3)));
    }

    [Fact]
    public void The_uplink_owns_its_port_and_routes_and_forwards_ARP_to_the_host()
    {
        var mac = ACCOffload.NativeInterop.Addresses.MacAddress.Parse("02:00:00:00:00:99");
        var uplink = new UplinkSettings("uplink0", mac, [
            new(IPNetwork.Parse("0.0.0.0/0"), ACCOffload.NativeInterop.Addresses.MacAddress.Parse("02:00:00:00:00:f1")),
            new(IPNetwork.Parse("10.244.2.0/24"), ACCOffload.NativeInterop.Addresses.MacAddress.Parse("02:00:00:00:00:f2")),
            new(IPNetwork.Parse("2001:db8::/32"), ACCOffload.NativeInterop.Addresses.MacAddress.Parse("02:00:00:00:00:f3")),
        ]);
        var node = TestNode.Settings with { Uplink = uplink };
        var model = new NetworkModel();
        ConfiguredUplink.AddTo(model, node);
        Assert.Equal(0, model.Mark);
        var compiler = node.Profile.CreateCompiler(TestPipeline.Artifacts.Pipeline, node);
        var owner = OwnerId.OfEndpoint(model.Endpoints.Uplink!.Id);
        string[] hops =
        [
            "next_hops id=2147483648 -> direct(port=9, src_mac=02:00:00:00:00:99, dst_mac=02:00:00:00:00:f1, mtu=65535)",
            "next_hops id=2147483649 -> direct(port=9, src_mac=02:00:00:00:00:99, dst_mac=02:00:00:00:00:f2, mtu=65535)",
        ];
        string[] routes =
        [
            "routes -> to_next_hop(next_hop=2147483648)",
            "routes dst_ip=10.244.2.0/24 -> to_next_hop(next_hop=2147483649)",
        ];
        // Without a host interface nothing answers ARP, so the uplink's port gets no port_class entry.
        Assert.Equal([.. hops, .. routes], Text(compiler.Compile(owner, model, _ => 9)!));

        model.Endpoints.Put(new Endpoint(7, TestNode.Host(), true));
        Assert.Equal(
            [
                .. hops,
                "port_class port=9 -> uplink_port(arp_port=3, gateway_mac=02:00:00:00:00:99, tunnel_ip=0.0.0.0, "
                    + "tunnel_mac=00:00:00:00:00:00, tunnel_port=0)",
                .. routes,
            ],
            Text(compiler.Compile(owner, model, name => name == "uplink0" ? 9u : 3u)!));
    }

    [Fact]
    public void An_exception_port_is_an_endpoint_of_its_own_with_the_MAC_of_the_uplink()
    {
        var mac = ACCOffload.NativeInterop.Addresses.MacAddress.Parse("02:00:00:00:00:99");
        var node = TestNode.Settings with
        {
            Uplink = new UplinkSettings("uplink0", mac, [new(IPNetwork.Parse("0.0.0.0/0"), IPAddress.Parse("192.0.2.1"))])
            {
                Addresses = [new(IPAddress.Parse("192.0.2.10"), 24)],
                Exception = new ExceptionPort("accx0", "accx1", "/run/netns/x"),
            },
        };
        var model = new NetworkModel();
        ConfiguredUplink.AddTo(model, node);
        Assert.Equal(0, model.Mark);
        var spec = model.Endpoints.ExceptionPort!.Spec;
        Assert.Equal((EndpointKind.Exception, "accx0", mac, ApiOrigin.Configuration), (spec.Kind, spec.PortName, spec.Mac, spec.Origin));
        Assert.Equal("uplink0", model.Endpoints.Uplink!.Spec.PortName);
        Assert.Equal(0, model.Endpoints.CountPorts());
        // No attachment can have its port.
        Assert.Contains("port accx0 belongs to exception", model.Endpoints.ConflictOf(
            new Endpoint(9, TestNode.Pod(1) with { PortName = "accx0" }, true)), StringComparison.Ordinal);
    }

    [Fact]
    public void Configured_ports_that_an_attachment_has_are_refused_with_their_keys()
    {
        var node = TestNode.Settings with
        {
            Uplink = new UplinkSettings("uplink0", ACCOffload.NativeInterop.Addresses.MacAddress.Parse("02:00:00:00:00:99"), [])
            {
                Exception = new ExceptionPort("accx0", "accx1", "/run/netns/x"),
            },
        };
        var model = new NetworkModel();
        model.Endpoints.Put(new Endpoint(1, TestNode.Pod(1) with { PortName = "accx0" }, true));
        var taken = Assert.Throws<UplinkTakenException>(() => ConfiguredUplink.AddTo(model, node));
        Assert.Equal(("Node:Uplink:Exception:Port", "accx0"), (taken.Key, taken.Port));
    }

    [Fact]
    public void Next_hops_through_an_uplink_with_a_smaller_MTU_carry_that_MTU()
    {
        var mac = ACCOffload.NativeInterop.Addresses.MacAddress.Parse("02:00:00:00:00:99");
        var node =
            TestNode.Settings with { Uplink = new UplinkSettings("uplink0", mac, [new(IPNetwork.Parse("0.0.0.0/0"), mac)], Mtu: 1400) };
        var model = new NetworkModel();
        ConfiguredUplink.AddTo(model, node);
        Assert.Equal(
            [
                "next_hops id=2147483648 -> direct(port=9, src_mac=02:00:00:00:00:99, dst_mac=02:00:00:00:00:99, mtu=1400)",
                "routes -> to_next_hop(next_hop=2147483648)",
            ],
            Text(node.Profile.CreateCompiler(TestPipeline.Artifacts.Pipeline, node)
                .Compile(OwnerId.OfEndpoint(model.Endpoints.Uplink!.Id), model, _ => 9)!));
    }

    [Fact]
    public void The_result_depends_only_on_endpoint_and_port()
    {
        Endpoint pod = new(1, TestNode.Pod(1), true);
        var a = _compiler.Compile(pod, 7);
        var b = _compiler.Compile(pod, 7);
        Assert.All(a.Zip(b), p => Assert.True(p.First.SameAs(p.Second)));
        Assert.NotEqual(Text(a), Text(_compiler.Compile(pod, 8)));
    }

    [Fact]
    public void Configured_IPv6_node_addresses_are_skipped()
    {
        var compiler = new EndpointCompiler(TestPipeline.Artifacts.Pipeline,
            TestNode.Settings with { NodeAddresses = [IPAddress.Parse("2001:db8::1")] });
        Assert.Equal(3, compiler.Compile(new Endpoint(1, TestNode.Host(), true), 3).Length);
    }

    [Fact]
    public void A_pipeline_with_a_missing_table_is_refused()
    {
        var info = P4.Config.V1.P4Info.Parser.ParseFrom(
            File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "pipeline", "k8s_dp.p4info.bin")));
        info.Tables.Remove(info.Tables.Single(t => t.Preamble.Alias == "pods"));
        var e = Assert.Throws<P4InfoException>(() => new EndpointCompiler(Pipeline.FromP4Info(info), TestNode.Settings));
        Assert.Contains("pods", e.Message, StringComparison.Ordinal);
    }

    private static string[] Text(Entry[] entries) => [.. entries.Select(e => e.ToString()).Order(StringComparer.Ordinal)];
}
