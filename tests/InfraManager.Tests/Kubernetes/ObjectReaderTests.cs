using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.TestKit.Cluster;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Kubernetes;

public sealed class ObjectReaderTests
{
    private const string Named = """{"metadata":{"name":"s","namespace":"n"},""";

    [Theory]
    [InlineData("""{"metadata":{"namespace":"n"},"spec":{}}""", "Service: metadata.name: missing")]
    [InlineData("""{"metadata":{"name":"s"},"spec":{}}""", "Service: metadata.namespace: missing")]
    [InlineData("""{"metadata":{"name":"s","namespace":"n"}}""", "Service n/s: spec: missing")]
    [InlineData(Named + """ "spec":{"type":"Proxy"}}""", "Service n/s: spec.type: \"Proxy\" is not a service type")]
    [InlineData(Named + """ "spec":{"ports":[{"port":70000}]}}""", "Service n/s: spec.ports[0].port: 70000 is outside 1..65535")]
    [InlineData(Named + """ "spec":{"ports":[null]}}""", "Service n/s: spec.ports[0]: null")]
    [InlineData(Named + """ "spec":{"ports":[{"port":80,"protocol":"ICMP"}]}}""",
        "Service n/s: spec.ports[0].protocol: \"ICMP\" is not TCP, UDP or SCTP")]
    [InlineData(Named + """ "spec":{"ports":[{"port":"80"}]}}""", "Service n/s: spec.ports[0].port: wrong type or invalid JSON")]
    [InlineData(Named + """ "spec":{"clusterIP":"10.0.0.256"}}""", "Service n/s: spec.clusterIP: \"10.0.0.256\" is not an IP address")]
    [InlineData(Named + """ "spec":{"externalIPs":["::1%eth0"]}}""", "Service n/s: spec.externalIPs[0]: \"::1%eth0\" is not an IP address")]
    [InlineData(Named + """ "spec":{"sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":86401}}}}""",
        "Service n/s: spec.sessionAffinityConfig.clientIP.timeoutSeconds: 86401 is outside 1..86400")]
    [InlineData(Named + """ "spec":{"internalTrafficPolicy":"Near"}}""",
        "Service n/s: spec.internalTrafficPolicy: \"Near\" is not a traffic policy")]
    public void An_invalid_service_is_reported_by_name_and_field(string json, string expected) =>
        Assert.Equal(expected, Problem(json, ResourceKinds.Services));

    [Theory]
    [InlineData("""{"metadata":{"name":"s","namespace":"n"}}""", "EndpointSlice n/s: addressType: missing")]
    [InlineData(Named + """ "addressType":"IPv4","endpoints":[{"addresses":[]}]}""",
        "EndpointSlice n/s: endpoints[0].addresses[0]: missing")]
    [InlineData(Named + """ "addressType":"IPv4","endpoints":[{"addresses":["2001:db8::1"]}]}""",
        "EndpointSlice n/s: endpoints[0].addresses[0]: 2001:db8::1 does not match addressType")]
    [InlineData(Named + """ "addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1"],"hints":{"forZones":[{}]}}]}""",
        "EndpointSlice n/s: endpoints[0].hints.forZones[0].name: missing")]
    [InlineData(Named + """ "addressType":"IPv4","endpoints":[{"conditions":{"ready":1}}]}""",
        "EndpointSlice n/s: endpoints[0].conditions.ready: wrong type or invalid JSON")]
    [InlineData(Named + """ "addressType":"IPv4","ports":[{"port":-1}]}""", "EndpointSlice n/s: ports[0].port: -1 is outside 1..65535")]
    public void An_invalid_slice_is_reported_by_name_and_field(string json, string expected) =>
        Assert.Equal(expected, Problem(json, ResourceKinds.Slices));

    [Fact]
    public void A_slice_with_more_endpoints_than_the_api_allows_is_rejected()
    {
        var slice = Kube.WebSlice("s", [.. Enumerable.Range(0, 1001).Select(i => Kube.Endpoint($"10.244.{i / 256}.{i % 256}"))]);
        Assert.Equal(
            "EndpointSlice default/s: endpoints: 1001 elements, at most 1000", Problem(slice.ToJsonString(), ResourceKinds.Slices));
    }

    [Fact]
    public void Objects_of_the_maximum_size_are_read()
    {
        var ports = Enumerable.Range(1, 20_000).Select(i => ($"p{i}", "TCP", i, 0)).ToArray();
        var service = Kube.Service("s", "10.96.0.10", ports)
            .With("spec.loadBalancerSourceRanges", new JsonArray(
                [.. Enumerable.Range(0, 5000).Select(i => (JsonNode?)$"10.{i / 256}.{i % 256}.0/24")]))
            .With("spec.externalIPs", new JsonArray([.. Enumerable.Range(0, 5000).Select(i => (JsonNode?)$"198.51.{i / 256}.{i % 256}")]));
        var read = ObjectReaders.Service(Encoding.UTF8.GetBytes(service.ToJsonString()));
        Assert.Equal(
            (20_000, 5000, 5000, ""), (read.Ports.Count, read.SourceRanges.Count, read.ExternalIPs.Count, read.SourceRangesProblem));
        string[] zones = [.. Enumerable.Range(0, 100).Select(z => $"zone-{z}")];
        var endpoints = Enumerable.Range(0, 1000).Select(i => Kube.Endpoint($"10.244.{i / 256}.{i % 256}", zones: zones));
        var slice = Kube.Slice("s", "s", [.. ports.Take(100).Select(p => ((string?)p.Item1, p.Item2, p.Item3))], [.. endpoints]);
        var json = slice.ToJsonString();
        var found = ObjectReaders.Slice(Encoding.UTF8.GetBytes(json));
        Assert.Equal((100, 1000), (found.Ports.Count, found.Endpoints.Count));
        Assert.InRange(json.Length, 1, new ApiServerOptions().MaxObjectBytes);
    }

    [Fact]
    public void Invalid_source_ranges_leave_the_rest_of_the_service_readable()
    {
        var read = ObjectReaders.Service("""
            {"metadata":{"name":"s","namespace":"n"},
             "spec":{"clusterIP":"10.96.0.1","loadBalancerSourceRanges":["10.0.0.0/8","10.0.0.0/33"]}}
            """u8);
        Assert.Equal("Service n/s: spec.loadBalancerSourceRanges[1]: \"10.0.0.0/33\" is not a CIDR range", read.SourceRangesProblem);
        Assert.Empty(read.SourceRanges);
        Assert.Single(read.ClusterIPs);
    }

    [Fact]
    public void Addresses_are_parsed_as_the_api_server_parses_them()
    {
        var service = ObjectReaders.Service(Encoding.UTF8.GetBytes("""
            {"metadata":{"name":"s","namespace":"n"},"spec":{"clusterIP":"010.001.0.010","clusterIPs":["010.001.0.010","fd00::1"],
             "externalIPs":["::ffff:192.0.2.1","192.0.2.1"],"loadBalancerSourceRanges":[" 10.1.2.3/8 "],
             "ports":[{"port":80,"appProtocol":"x","unknown":{"a":[1]}}]}}
            """));
        Assert.Equal("10.1.0.10 fd00::1", string.Join(' ', service.ClusterIPs));
        Assert.Equal("192.0.2.1", string.Join(' ', service.ExternalIPs));
        Assert.Equal("10.0.0.0/8", service.SourceRanges.Single().ToString());
    }

    [Fact]
    public void Absent_conditions_mean_ready_serving_and_not_terminating()
    {
        var slice = ObjectReaders.Slice(Encoding.UTF8.GetBytes(
            """
            {"metadata":{"name":"s","namespace":"n"},"addressType":"IPv4",
             "endpoints":[{"addresses":["10.0.0.1"]},{"addresses":["10.0.0.2"],"conditions":{"ready":null}}]}
            """));
        Assert.All(slice.Endpoints, e => Assert.True(e is { Ready: true, Serving: true, Terminating: false, NodeName: "" }));
    }

    [Fact]
    public void An_endpoint_has_the_uid_of_its_pod()
    {
        var slice = ObjectReaders.Slice(Encoding.UTF8.GetBytes(
            """
            {"metadata":{"name":"s","namespace":"n"},"addressType":"IPv4",
             "endpoints":[{"addresses":["10.0.0.1"],"targetRef":{"kind":"Pod","uid":"a"}},
                          {"addresses":["10.0.0.2"],"targetRef":{"uid":"b"}},
                          {"addresses":["10.0.0.3"],"targetRef":{}},{"addresses":["10.0.0.4"]}]}
            """));
        Assert.Equal(3, slice.Endpoints.Select(e => e.Uid).Distinct().Count());
        Assert.Equal([0UL, 0UL], slice.Endpoints.Skip(2).Select(e => e.Uid));
    }

    [Fact]
    public void A_node_has_its_zone_its_internal_addresses_and_its_pod_ranges()
    {
        var node = ObjectReaders.Node(Encoding.UTF8.GetBytes("""
            {"metadata":{"name":"n","labels":{"topology.kubernetes.io/zone":"a"}},
             "spec":{"podCIDR":"10.244.1.0/24","podCIDRs":["10.244.1.0/24","fd00:1::/64"]},
             "status":{"addresses":[{"type":"Hostname","address":"n.example"},{"type":"ExternalIP","address":"198.51.100.7"},
               {"type":"InternalIP","address":"192.0.2.10"},{"type":"InternalIP","address":"fd00::10"},
               {"type":"InternalIP","address":"192.0.2.10"}]}}
            """));
        Assert.Equal("a", node.Zone);
        Assert.Equal(LabelSet.Of([new("topology.kubernetes.io/zone", "a")]), node.Labels);
        Assert.Equal("198.51.100.7 192.0.2.10 fd00::10 192.0.2.10", string.Join(' ', node.Addresses));
        Assert.Equal("192.0.2.10 fd00::10", string.Join(' ', node.InternalAddresses));
        Assert.Equal("10.244.1.0/24 fd00:1::/64", string.Join(' ', node.PodRanges));
    }

    [Theory]
    [InlineData("""{"metadata":{"name":"n"}}""", "")]
    [InlineData("""{"metadata":{"name":"n"},"spec":{},"status":{}}""", "")]
    [InlineData("""{"metadata":{"name":"n"},"spec":{"podCIDR":"10.244.1.0/24"}}""", "10.244.1.0/24")]
    public void A_node_may_lack_addresses_and_ranges(string json, string podRanges)
    {
        var node = ObjectReaders.Node(Encoding.UTF8.GetBytes(json));
        Assert.Empty(node.InternalAddresses);
        Assert.Equal(podRanges, string.Join(' ', node.PodRanges));
    }

    [Theory]
    [InlineData("""{"metadata":{"name":"n"},"spec":{"podCIDRs":["10.244.1.0/33"]}}""", "spec.podCIDRs[0]")]
    [InlineData("""{"metadata":{"name":"n"},"status":{"addresses":[{"type":"InternalIP","address":"n.example"}]}}""",
        "status.addresses[0].address")]
    [InlineData("""{"metadata":{"name":"n"},"spec":{"podCIDRs":["","","","","","","","",""]}}""", "spec.podCIDRs")]
    public void An_invalid_node_is_rejected_with_the_field(string json, string field)
    {
        var e = Assert.Throws<KubeFormatException>(() => ObjectReaders.Node(Encoding.UTF8.GetBytes(json)));
        Assert.Contains(field, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_service_range_object_has_its_ranges()
    {
        var ranges = ObjectReaders.ServiceRange(Encoding.UTF8.GetBytes("""
            {"kind":"ServiceCIDR","metadata":{"name":"kubernetes"},"spec":{"cidrs":["10.96.0.0/12","fd00:96::/112"]}}
            """));
        Assert.Equal("10.96.0.0/12 fd00:96::/112", string.Join(' ', ranges.Ranges));
    }

    [Fact]
    public void Any_input_is_either_read_or_rejected_with_a_one_line_error()
    {
        var service = Kube.Service("web", "10.96.0.10", ("http", "TCP", 80, 30080), ("dns", "UDP", 53, 0))
            .With("spec.sessionAffinity", "ClientIP").With("spec.externalIPs", new JsonArray("192.0.2.1"))
            .With("status.loadBalancer.ingress", new JsonArray(new JsonObject { ["ip"] = "192.0.2.2", ["ipMode"] = "VIP" }));
        var slice =
            Kube.WebSlice("web-1", Kube.Endpoint("10.244.1.2", "node-1", true, true, false, "a", "b"), Kube.Terminating("10.244.1.3"));
        var seeds = new[]
        {
            service.ToJsonString(),
            slice.ToJsonString(),
            Kube.Node("n", "a").WithAddresses(["192.0.2.1"], "10.244.1.0/24", "fd00::/64").ToJsonString(),
            Kube.ServiceRange("kubernetes", "10.96.0.0/12").ToJsonString(),
            new JsonObject
            {
                ["metadata"] = new JsonObject { ["resourceVersion"] = "5", ["continue"] = "x" },
                ["items"] = new JsonArray(service.DeepClone(), slice.DeepClone(), null),
            }.ToJsonString(),
            new JsonObject { ["type"] = "ADDED", ["object"] = slice.DeepClone() }.ToJsonString(),
            new JsonObject { ["type"] = "ERROR", ["object"] = new JsonObject { ["code"] = 410 } }.ToJsonString(),
        };
        string[] pieces =
        [
            "null", "[]", "{}", "\"x\"", "-1", "1e99", "99999999999999999999", "true", "\"\\ud800\"",
            "[[[[", "\"10.0.0.1\"", "\0", "}", ",", ":", "\n",
        ];
        var mutation = from at in Gen.Int[0, 4000]
                       from length in Gen.Int[0, 12]
                       from piece in Gen.Int[0, pieces.Length - 1].Select(i => pieces[i])
                       select (at, length, piece);
        Gen.Select(Gen.Int[0, seeds.Length - 1].Select(i => seeds[i]), mutation.Array[1, 4]).Sample(
            (seed, mutations) =>
            {
                var text = seed;
                foreach (var (at, length, piece) in mutations)
                {
                    var start = at % text.Length;
                    text = text[..start] + piece + text[Math.Min(text.Length, start + length)..];
                }
                var bytes = Encoding.UTF8.GetBytes(text);
                _ = Problem(bytes, ResourceKinds.Services);
                _ = Problem(bytes, ResourceKinds.Slices);
                _ = Problem(bytes, ResourceKinds.Node("n"));
                _ = Problem(bytes, ResourceKinds.ServiceRanges);
                AssertReadOrRejected(() => ListPage<ServiceObject>.Read(bytes, ResourceKinds.Services, 1 << 20));
                AssertReadOrRejected(() => ListPage<SliceObject>.Read(bytes, ResourceKinds.Slices, 1 << 20));
                AssertReadOrRejected(() => WatchEvent<ServiceObject>.Read(bytes, ResourceKinds.Services));
                AssertReadOrRejected(() => WatchEvent<SliceObject>.Read(bytes, ResourceKinds.Slices));
            },
            iter: 5_000);
    }

    private static string Problem<T>(string json, ResourceKind<T> kind)
        where T : KubeObject => Problem(Encoding.UTF8.GetBytes(json), kind);

    private static string Problem<T>(byte[] json, ResourceKind<T> kind)
        where T : KubeObject
    {
        try
        {
            kind.Read(json);
            return "";
        }
        catch (Exception e) when (e is KubeFormatException || JsonErrors.IsInvalid(e))
        {
            var problem = JsonErrors.Describe($"{kind.Kind} {ObjectReaders.TryName(json)}", e);
            Assert.DoesNotContain('\n', problem);
            return problem;
        }
    }

    private static void AssertReadOrRejected(Action read)
    {
        try
        {
            read();
        }
        catch (KubeFormatException e)
        {
            Assert.DoesNotContain('\n', e.Message);
        }
    }
}
