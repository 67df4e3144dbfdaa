using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.InfraManager.Tests.Services;

/// <summary>
/// The desired state of a Service with its slices on node-1 (192.0.2.10, zone a). The expectations follow the Kubernetes documentation of
/// v1.31: "Virtual IPs and Service Proxies", "Service", "Service Internal Traffic Policy", "Topology Aware Routing", "EndpointSlices",
/// KEP-1669 and KEP-1860.
/// </summary>
public sealed class ServiceResolverTests
{
    private static readonly JsonObject Web = Kube.Web();

    [Fact]
    public void New_flows_go_to_all_ready_endpoints_and_no_others() => Expect(
        "web 10.96.0.10:80/TCP -> 10.244.1.2:8080 10.244.2.3:8080",
        Web,
        Kube.WebSlice(
            "s",
            Kube.Endpoint("10.244.2.3", "node-2"),
            Kube.Endpoint("10.244.1.2"),
            Kube.Endpoint("10.244.1.9", ready: false),
            Kube.Terminating("10.244.1.8")));

    [Fact]
    public void Terminating_endpoints_are_used_if_none_is_ready_and_they_still_serve()
    {
        Expect("web 10.96.0.10:80/TCP -> 10.244.1.8:8080 10.244.2.8:8080",
            Web,
            Kube.WebSlice(
                "s",
                Kube.Terminating("10.244.1.8"),
                Kube.Terminating("10.244.2.8", "node-2"),
                Kube.Endpoint("10.244.1.9", ready: false, serving: false, terminating: true)));
        Expect("web 10.96.0.10:80/TCP -> refuse",
            Web,
            Kube.WebSlice(
                "s", Kube.Endpoint("10.244.1.9", ready: false, serving: false, terminating: true), Kube.Endpoint(
                    "10.244.1.7", ready: false)));
    }

    [Fact]
    public void With_publishNotReadyAddresses_the_ready_condition_in_the_slice_counts() => Expect(
        "web 10.96.0.10:80/TCP -> 10.244.1.2:8080",
        Web.With("spec.publishNotReadyAddresses", true), Kube.WebSlice("s", Kube.Endpoint("10.244.1.2", ready: true, serving: false)));

    [Fact]
    public void A_service_without_endpoints_refuses_clients() => Expect("web 10.96.0.10:80/TCP -> refuse", Web);

    [Fact]
    public void Services_and_slices_that_are_not_for_this_proxy_are_ignored()
    {
        var slice = Kube.WebSlice("s", Kube.Endpoint("10.244.1.2"));
        Expect("none", Web.With("spec.clusterIP", "None").With("spec.clusterIPs", new JsonArray("None")), slice);
        var named =
            Kube.Service("web", null, ("", "TCP", 80, 0)).With("spec.type", "ExternalName").With("spec.externalName", "example.org");
        Expect("none", named, slice);
        Expect("none", Kube.Service("web", null, ("", "TCP", 80, 0)), slice);
        Expect("none", Web.WithLabel("service.kubernetes.io/service-proxy-name", "other"), slice);
        Expect("none", Web.WithLabel("service.kubernetes.io/headless"), slice);
        Expect("none", Kube.Web("fd00::10"), slice);
        Expect("web 10.96.0.10:80/TCP -> refuse", Web, slice.WithLabel("service.kubernetes.io/headless"));
        Expect("web 10.96.0.10:80/TCP -> refuse", Web, slice.WithLabel("service.kubernetes.io/service-proxy-name", "other"));
    }

    [Fact]
    public void Slices_of_the_other_family_and_of_host_names_are_ignored() => Expect(
        "web 10.96.0.10:80/TCP -> 10.244.1.2:8080",
        Web.With("spec.clusterIPs", new JsonArray("10.96.0.10", "fd00::10")),
        Kube.WebSlice("v4", Kube.Endpoint("10.244.1.2")),
        Kube.WebSlice("v6", Kube.Endpoint("fd00:1::2")).With("addressType", "IPv6"),
        Kube.WebSlice("names", Kube.Endpoint("example.org")).With("addressType", "FQDN"));

    [Fact]
    public void An_endpoint_in_several_slices_counts_once_with_its_better_state() => Expect(
        "web 10.96.0.10:80/TCP -> 10.244.1.2:8080 10.244.1.3:8080",
        Web,
        Kube.WebSlice("a", Kube.Endpoint("10.244.1.2"), Kube.Endpoint("10.244.1.3", ready: false)),
        Kube.WebSlice("b", Kube.Endpoint("10.244.1.3"), Kube.Endpoint("10.244.1.2")));

    [Fact]
    public void A_port_maps_to_the_slice_port_of_the_same_name_and_protocol() => Expect(
        """
        web 10.96.0.10:53/TCP -> 10.244.1.2:5353
        web 10.96.0.10:53/UDP -> 10.244.1.2:5300 10.244.1.3:5301
        web 10.96.0.10:9153/TCP -> refuse
        """,
        Kube.Service("web", "10.96.0.10", ("dns-tcp", "TCP", 53, 0), ("dns", "UDP", 53, 0), ("metrics", "TCP", 9153, 0)),
        Kube.Slice("a", "web", [("dns-tcp", "TCP", 5353), ("dns", "UDP", 5300), ("metrics", "UDP", 9153)], Kube.Endpoint("10.244.1.2")),
        // A named port may have another number in other pods, which are in another slice.
        Kube.Slice("b", "web", [("dns", "UDP", 5301), (null, "TCP", 9153)], Kube.Endpoint("10.244.1.3")));

    [Fact]
    public void A_node_port_is_served_at_the_nodes_addresses_and_masqueraded() => Expect(
        """
        web 10.96.0.10:80/TCP -> 10.244.1.2:8080 10.244.2.3:8080
        web 192.0.2.10:30080/TCP -> ~ 10.244.1.2:8080 10.244.2.3:8080
        """,
        Kube.Service("web", "10.96.0.10", ("", "TCP", 80, 30080)).With("spec.type", "NodePort"),
        Kube.WebSlice("s", Kube.Endpoint("10.244.1.2"), Kube.Endpoint("10.244.2.3", "node-2")));

    [Fact]
    public void External_policy_Local_preserves_the_client_address_and_keeps_outside_traffic_on_this_node()
    {
        var service = Kube.Service("web", "10.96.0.10", ("", "TCP", 80, 30080)).With("spec.type", "NodePort").With(
            "spec.externalTrafficPolicy", "Local");
        Expect(
            """
            web 10.96.0.10:80/TCP -> 10.244.1.2:8080 10.244.2.3:8080
            web 192.0.2.10:30080/TCP inside -> 10.244.1.2:8080 10.244.2.3:8080 outside -> 10.244.1.2:8080
            """,
            service, Kube.WebSlice("s", Kube.Endpoint("10.244.1.2"), Kube.Endpoint("10.244.2.3", "node-2")));
        // Without a local endpoint, outside traffic is dropped and inside traffic goes to any endpoint.
        Expect(
            """
            web 10.96.0.10:80/TCP -> 10.244.2.3:8080
            web 192.0.2.10:30080/TCP inside -> 10.244.2.3:8080 outside -> drop
            """,
            service, Kube.WebSlice("s", Kube.Endpoint("10.244.2.3", "node-2")));
        // The last local endpoint is terminating: it still receives outside traffic.
        Expect(
            """
            web 10.96.0.10:80/TCP -> 10.244.2.3:8080
            web 192.0.2.10:30080/TCP inside -> 10.244.2.3:8080 outside -> 10.244.1.2:8080
            """,
            service, Kube.WebSlice("s", Kube.Terminating("10.244.1.2"), Kube.Endpoint("10.244.2.3", "node-2")));
        // Without any endpoint, clients are refused.
        Expect(
            """
            web 10.96.0.10:80/TCP -> refuse
            web 192.0.2.10:30080/TCP -> refuse
            """,
            service);
    }

    [Fact]
    public void Internal_policy_Local_applies_only_to_cluster_IPs()
    {
        var service = Web.With("spec.internalTrafficPolicy", "Local");
        var remote = Kube.WebSlice("s", Kube.Endpoint("10.244.2.3", "node-2"));
        Expect(
            "web 10.96.0.10:80/TCP -> 10.244.1.2:8080",
            service, Kube.WebSlice("s", Kube.Endpoint("10.244.1.2"), Kube.Endpoint("10.244.2.3", "node-2")));
        Expect("web 10.96.0.10:80/TCP -> drop", service, remote);
        Expect("web 10.96.0.10:80/TCP -> refuse", service);
        Expect(
            "web 10.96.0.10:80/TCP -> 10.244.1.2:8080",
            service, Kube.WebSlice("s", Kube.Terminating("10.244.1.2"), Kube.Endpoint("10.244.2.3", "node-2")));
        Expect(
            """
            web 10.96.0.10:80/TCP -> drop
            web 198.51.100.1:80/TCP -> ~ 10.244.2.3:8080
            """,
            service.With("spec.externalIPs", new JsonArray("198.51.100.1")), remote);
    }

    [Fact]
    public void Load_balancer_addresses_have_source_ranges_and_those_of_mode_Proxy_are_skipped()
    {
        var service = Kube.Service("web", "10.96.0.10", ("", "TCP", 80, 30080))
            .With("spec.type", "LoadBalancer")
            .With("spec.loadBalancerSourceRanges", new JsonArray("203.0.113.0/24", "2001:db8::/32", " 198.18.0.0/15 "))
            .With("spec.externalIPs", new JsonArray("198.51.100.9"))
            .With("status.loadBalancer.ingress", new JsonArray(
                new JsonObject { ["ip"] = "198.51.100.1" },
                new JsonObject { ["ip"] = "198.51.100.2", ["ipMode"] = "VIP" },
                new JsonObject { ["ip"] = "198.51.100.3", ["ipMode"] = "Proxy" },
                new JsonObject { ["hostname"] = "lb.example.org" },
                new JsonObject { ["ip"] = "2001:db8::1" }));
        Expect(
            """
            web 10.96.0.10:80/TCP -> 10.244.1.2:8080
            web 192.0.2.10:30080/TCP -> ~ 10.244.1.2:8080
            web 198.51.100.1:80/TCP -> ~ 10.244.1.2:8080 from 198.18.0.0/15 203.0.113.0/24
            web 198.51.100.2:80/TCP -> ~ 10.244.1.2:8080 from 198.18.0.0/15 203.0.113.0/24
            web 198.51.100.9:80/TCP -> ~ 10.244.1.2:8080
            """,
            service, Kube.WebSlice("s", Kube.Endpoint("10.244.1.2")));
    }

    [Fact]
    public void The_health_check_counts_the_ready_local_addresses()
    {
        var service = Kube.Service("web", "10.96.0.10", ("http", "TCP", 80, 0), ("https", "TCP", 443, 0))
            .With("spec.type", "LoadBalancer").With("spec.externalTrafficPolicy", "Local").With("spec.healthCheckNodePort", 32000);
        var slice = Kube.Slice("s", "web", [("http", "TCP", 8080), ("https", "TCP", 8443)],
            Kube.Endpoint("10.244.1.2"), Kube.Endpoint("10.244.1.3"), Kube.Terminating("10.244.1.4"), Kube.Endpoint(
                "10.244.2.3", "node-2"));
        Expect(
            """
            web 10.96.0.10:80/TCP -> 10.244.1.2:8080 10.244.1.3:8080 10.244.2.3:8080
            web 10.96.0.10:443/TCP -> 10.244.1.2:8443 10.244.1.3:8443 10.244.2.3:8443
            web health 32000: 2
            """,
            service, slice);
        // The health check exists only with external policy Local.
        Assert.Equal(0, Resolve(service.With("spec.externalTrafficPolicy", "Cluster"), slice)!.HealthCheckNodePort);
    }

    [Fact]
    public void Session_affinity_has_its_timeout_or_three_hours()
    {
        var slice = Kube.WebSlice("s", Kube.Endpoint("10.244.1.2"));
        Expect("web 10.96.0.10:80/TCP -> 10.244.1.2:8080 sticky 10800",
            Web.With("spec.sessionAffinity", "ClientIP"), slice);
        Expect("web 10.96.0.10:80/TCP -> 10.244.1.2:8080 sticky 60",
            Web.With("spec.sessionAffinity", "ClientIP").With("spec.sessionAffinityConfig.clientIP.timeoutSeconds", 60), slice);
    }

    [Fact]
    public void Zone_hints_apply_if_every_ready_endpoint_has_one_and_one_is_for_this_zone()
    {
        JsonObject A(string ip, params string[] zones) => Kube.Endpoint(ip, "node-2", zones: zones);
        const string Both = "web 10.96.0.10:80/TCP -> 10.244.2.1:8080 10.244.2.2:8080";
        Expect("web 10.96.0.10:80/TCP -> 10.244.2.1:8080", Web, Kube.WebSlice("s", A("10.244.2.1", "a", "c"), A("10.244.2.2", "b")));
        Expect(Both, Web, Kube.WebSlice("s", A("10.244.2.1", "a"), A("10.244.2.2")));
        Expect(Both, Web, Kube.WebSlice("s", A("10.244.2.1", "c"), A("10.244.2.2", "b")));
        // Endpoints that are not ready need no hint.
        Expect(
            "web 10.96.0.10:80/TCP -> 10.244.2.1:8080",
            Web,
            Kube.WebSlice(
                "s", A("10.244.2.1", "a"), A("10.244.2.2", "b"), Kube.Endpoint("10.244.2.9", ready: false), Kube.Terminating(
                    "10.244.2.8")));
        // Hints do not restrict local endpoints, and do not apply on a node without a zone.
        Expect(
            "web 10.96.0.10:80/TCP -> 10.244.1.5:8080",
            Web.With("spec.internalTrafficPolicy", "Local"), Kube.WebSlice(
                "s", A("10.244.2.1", "a"), Kube.Endpoint("10.244.1.5", zones: "b")));
        Assert.Equal(Both, ServiceRendering.Render(Resolve("", Web, Kube.WebSlice("s", A("10.244.2.1", "a"), A("10.244.2.2", "b")))));
    }

    [Fact]
    public void Sctp_is_served_only_without_port_translation()
    {
        var service = Kube.Service("web", "10.96.0.10", ("s1ap", "SCTP", 36412, 30100)).With("spec.type", "NodePort");
        Expect(
            """
            web 10.96.0.10:36412/SCTP -> 10.244.1.2:36412
            web problem: port s1ap: SCTP port translation (node port 30100 to 36412) is not supported; the node port is not served
            """,
            service, Kube.Slice("s", "web", [("s1ap", "SCTP", 36412)], Kube.Endpoint("10.244.1.2")));
        Expect(
            """
            web 10.96.0.10:36412/SCTP -> refuse
            web problem: port s1ap: SCTP port translation (36412 to 9000) is not supported; set targetPort to 36412
            web problem: port s1ap: SCTP port translation (node port 30100 to 36412) is not supported; the node port is not served
            """,
            service, Kube.Slice("s", "web", [("s1ap", "SCTP", 9000)], Kube.Endpoint("10.244.1.2")));
    }

    [Fact]
    public void An_address_of_the_host_interface_belongs_to_the_node()
    {
        var context = ServiceContext.Of(TestNode.Settings);
        Assert.All(TestNode.Settings.NodeAddresses.Concat(TestNode.Settings.HostAddresses), a => Assert.True(context.IsOwn(a)));
        Assert.False(context.IsOwn(TestNode.Settings.Gateway));
    }

    [Fact]
    public void Backends_are_classified_by_location()
    {
        var spec = Resolve(Kube.Web("10.96.0.1"), Kube.WebSlice("s",
            Kube.Endpoint("10.244.1.2"),
            Kube.Endpoint("192.0.2.10"),
            Kube.Endpoint("192.0.2.11", "node-2"),
            Kube.Endpoint("10.244.2.2", "node-2"),
            Kube.Endpoint("203.0.113.7", "").With("nodeName", null)));
        Assert.Equal(
            ["10.244.1.2:8080 Local", "10.244.2.2:8080 Remote", "192.0.2.10:8080 Host", "192.0.2.11:8080 Remote",
                "203.0.113.7:8080 Remote"],
            spec!.Ports[0].Backends.Select(b => $"{b.Key} {b.Place}"));
    }

    [Fact]
    public void The_order_of_slices_and_endpoints_does_not_matter()
    {
        var one = Resolve(
            Web, Kube.WebSlice("a", Kube.Endpoint("10.244.1.2"), Kube.Endpoint("10.244.1.10")), Kube.WebSlice(
                "b", Kube.Endpoint("10.244.1.3")));
        var two = Resolve(
            Web, Kube.WebSlice("x", Kube.Endpoint("10.244.1.10"), Kube.Endpoint("10.244.1.3")), Kube.WebSlice(
                "y", Kube.Endpoint("10.244.1.2")));
        Assert.Equal(one, two);
        Assert.Equal(one!.GetHashCode(), two!.GetHashCode());
        Assert.NotEqual(one, Resolve(Web, Kube.WebSlice("a", Kube.Endpoint("10.244.1.2"))));
    }

    private static void Expect(string expected, JsonObject service, params JsonObject[] slices) =>
        Assert.Equal(ServiceRendering.Tidy(expected), ServiceRendering.Render(Resolve(service, slices)));

    private static ServiceSpec? Resolve(JsonObject service, params JsonObject[] slices) => Resolve("a", service, slices);

    private static ServiceSpec? Resolve(string zone, JsonObject service, params JsonObject[] slices) => ServiceResolver.Resolve(
        ObjectReaders.Service(Encoding.UTF8.GetBytes(service.ToJsonString())),
        slices.Select(s => ObjectReaders.Slice(Encoding.UTF8.GetBytes(s.ToJsonString()))),
        new ServiceContext("node-1", [IPAddress.Parse("192.0.2.10")], zone, AddressFamily.InterNetwork),
        _ => new ServiceKey("default", "web"));
}
