using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.Protos.Infra;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.Api;

/// <summary>Services and source NAT set by a 24.01 agent.</summary>
public sealed class NatTranslationTests : IAsyncLifetime
{
    private ApiFixture _api = null!;
    private InfraAgent.InfraAgentClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        _api = await ApiFixture.StartAsync(servicesFrom: "agent");
        _client = new InfraAgent.InfraAgentClient(_api.Connect(_api.Pki.IssueHost()));
    }

    public async ValueTask DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task A_cluster_ip_becomes_a_service_with_its_backends()
    {
        AssertAccepted(await _client.NatTranslationAddAsync(Web("10.244.1.2", "10.244.9.9", "10.244.1.2", "200.1.1.2")));
        var intent = Assert.IsType<ServiceIntent>(Assert.Single(_api.Core.Intents));
        Assert.Equal("infra/10.96.0.10:80/TCP", intent.Key.ToString());
        var port = Assert.Single(intent.Spec!.Ports);
        Assert.Equal(
            [("10.244.1.2:8080", BackendPlace.Local), ("10.244.9.9:8080", BackendPlace.Remote), ("200.1.1.2:8080", BackendPlace.Host)],
            port.Backends.Select(b => (b.Key.ToString(), b.Place)));
        Assert.All(port.Backends, b => Assert.True(b.InCluster));
        var frontend = Assert.Single(port.Frontends);
        Assert.Equal(
            (FrontendKind.ClusterIP, FlowTarget.Cluster, FlowTarget.Cluster, false, true),
            (frontend.Kind, frontend.Inside, frontend.Outside, frontend.MasqueradeInside, frontend.MasqueradeOutside));
    }

    [Fact]
    public async Task Adding_again_replaces_the_backends_and_without_backends_clients_are_refused()
    {
        AssertAccepted(await _client.NatTranslationAddAsync(Web("10.244.1.2", "10.244.1.3")));
        AssertAccepted(await _client.NatTranslationAddAsync(Web("10.244.1.3")));
        AssertAccepted(await _client.NatTranslationAddAsync(Web()));
        var specs = _api.Core.Intents.Cast<ServiceIntent>().ToList();
        Assert.Single(specs.Select(i => i.Key).Distinct());
        Assert.Equal(["10.244.1.2:8080 10.244.1.3:8080", "10.244.1.3:8080", ""], specs.Select(
            i => string.Join(' ', i.Spec!.Ports[0].Backends.Select(b => b.Key.ToString()))));
        Assert.Equal(FlowTarget.Refuse, specs[2].Spec!.Ports[0].Frontends[0].Inside);
    }

    [Fact]
    public async Task A_node_port_is_masqueraded_from_both_sides()
    {
        var request = Web("10.244.1.2");
        request.Endpoint = new NatEndpoint { Ipv4Addr = "192.0.2.2", Port = 30080 };
        request.IsRealIp = true;
        request.Proto = "udp";
        request.Backends[0].SrcEp = new NatEndpoint { Ipv4Addr = "192.0.2.2" };
        AssertAccepted(await _client.NatTranslationAddAsync(request));
        var intent = Assert.IsType<ServiceIntent>(Assert.Single(_api.Core.Intents));
        Assert.Equal("infra/192.0.2.2:30080/UDP", intent.Key.ToString());
        var frontend = Assert.Single(intent.Spec!.Ports[0].Frontends);
        Assert.Equal((FrontendKind.NodePort, true, true), (frontend.Kind, frontend.MasqueradeInside, frontend.MasqueradeOutside));
    }

    [Fact]
    public async Task Deleting_needs_no_backends_and_may_be_repeated()
    {
        var request = Web();
        AssertAccepted(await _client.NatTranslationDeleteAsync(request));
        AssertAccepted(await _client.NatTranslationDeleteAsync(request));
        Assert.All(_api.Core.Intents, i => Assert.Equal(
            ("infra/10.96.0.10:80/TCP", null), (((ServiceIntent)i).Key.ToString(), ((ServiceIntent)i).Spec)));
    }

    public static TheoryData<string, Action<NatTranslation>> Malformed => new()
    {
        { "endpoint: missing", r => r.Endpoint = null },
        { "endpoint.ipv4_addr: empty", r => r.Endpoint.Ipv4Addr = "" },
        { "endpoint.ipv4_addr: \"web\" is not an IP address", r => r.Endpoint.Ipv4Addr = "web" },
        { "endpoint.port: 0 is outside 1..65535", r => r.Endpoint.Port = 0 },
        { "endpoint.port: 65536 is outside 1..65535", r => r.Endpoint.Port = 65536 },
        { "proto: empty", r => r.Proto = "" },
        { "proto: \"icmp\" is not TCP, UDP or SCTP", r => r.Proto = "icmp" },
        { "backends[1].dst_ep: missing", r => r.Backends[1].DstEp = null },
        { "backends[1].dst_ep.port: 70000 is outside 1..65535", r => r.Backends[1].DstEp.Port = 70000 },
        { "backends[0].src_ep.ipv4_addr: 203.0.113.1 is not an address of this node (Node:NodeAddresses)",
            r => r.Backends[0].SrcEp = new NatEndpoint { Ipv4Addr = "203.0.113.1" } },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task A_malformed_translation_is_rejected_as_a_whole_with_its_field(string message, Action<NatTranslation> corrupt)
    {
        var request = Web("10.244.1.2", "10.244.1.3");
        corrupt(request);
        await AssertRejectedAsync(message, async () => await _client.NatTranslationAddAsync(request));
        Assert.Empty(_api.Core.Intents);
    }

    /// <summary>Addresses of the fixture: node 192.0.2.2, host interface 200.1.1.2, pods 10.244.1.0/24, services 10.96.0.0/12.</summary>
    [Theory]
    [InlineData(
        "1.1.1.1", 53, "endpoint: 1.1.1.1 is in none of Node:VirtualRanges, Node:ExternalRanges and Node:NodeAddresses")]
    [InlineData("192.0.2.2", 22, "endpoint: port 22 of the node's own address 192.0.2.2 is outside Node:NodePorts (30000-32767)")]
    [InlineData("192.0.2.2", 50002, "endpoint: port 50002 of the node's own address 192.0.2.2 is outside Node:NodePorts (30000-32767)")]
    [InlineData(
        "192.0.2.1", 50002, "endpoint: 192.0.2.1 is in none of Node:VirtualRanges, Node:ExternalRanges and Node:NodeAddresses")]
    [InlineData(
        "10.244.9.7", 80, "endpoint: 10.244.9.7 is in none of Node:VirtualRanges, Node:ExternalRanges and Node:NodeAddresses")]
    [InlineData("10.244.1.7", 80, "endpoint: 10.244.1.7 is in the pod range 10.244.1.0/24")]
    [InlineData("200.1.1.2", 30080, "endpoint: 200.1.1.2 is an address of the host interface (Node:HostAddresses)")]
    [InlineData("169.254.1.1", 80, "endpoint: 169.254.1.1 is the gateway's address")]
    [InlineData(
        "169.254.169.254", 80, "endpoint: 169.254.169.254 is not a routable unicast address (loopback, link-local, multicast or reserved)")]
    [InlineData("239.1.2.3", 80, "endpoint: 239.1.2.3 is not a routable unicast address (loopback, link-local, multicast or reserved)")]
    public async Task An_address_outside_the_service_ranges_is_rejected(string address, uint port, string message)
    {
        foreach (var real in new[] { false, true })
        {
            var request = Web("10.244.1.2");
            request.Endpoint = new NatEndpoint { Ipv4Addr = address, Port = port };
            request.IsRealIp = real;
            await AssertRejectedAsync(message, async () => await _client.NatTranslationAddAsync(request));
        }
        Assert.Empty(_api.Core.Intents);
    }

    [Fact]
    public async Task A_service_address_is_rejected_as_a_backend()
    {
        await AssertRejectedAsync("backends[1].dst_ep: 10.96.0.1 is a service address (Node:VirtualRanges), not a backend",
            async () => await _client.NatTranslationAddAsync(Web("10.244.1.2", "10.96.0.1")));
        Assert.Empty(_api.Core.Intents);
    }

    [Fact]
    public async Task Without_configured_service_ranges_services_of_the_agent_are_rejected()
    {
        await using var api = await ApiFixture.StartAsync(servicesFrom: "agent", virtualRange: null);
        var client = new InfraAgent.InfraAgentClient(api.Connect(api.Pki.IssueHost()));
        await AssertRejectedAsync(
            "endpoint: 10.96.0.10 is not a known service address: set Node:VirtualRanges to the cluster's service ranges",
            async () => await client.NatTranslationAddAsync(Web("10.244.1.2")));
        // Existing services can still be removed.
        AssertAccepted(await client.NatTranslationDeleteAsync(Web()));
    }

    [Theory]
    [InlineData("10.244.1.2")]
    [InlineData("10.244.9.9")]
    [InlineData("192.0.2.1")]
    [InlineData("10.96.0.1")]
    [InlineData("169.254.1.1")]
    public async Task Only_the_nodes_own_address_is_allowed_as_source(string address)
    {
        await AssertRejectedAsync($"snat_ipv4: {address} is not one of this node's addresses (Node:NodeAddresses, Node:HostAddresses)",
            async () => await _client.SetSnatAddressAsync(new SetSnatAddressRequest { SnatIpv4 = address }));
        Assert.Empty(_api.Core.Intents);
    }

    [Theory]
    [InlineData("0.0.0.0/0", "prefix: 0.0.0.0/0 is too large, the minimum prefix length is 8")]
    [InlineData("224.0.0.0/8", "prefix: 224.0.0.0/8 contains no unicast addresses")]
    public async Task An_implausible_prefix_is_rejected_but_can_be_removed(string prefix, string message)
    {
        await AssertRejectedAsync(
            message, async () => await _client.AddDelSnatPrefixAsync(new AddDelSnatPrefixRequest { IsAdd = true, Prefix = prefix }));
        Assert.Empty(_api.Core.Intents);
        AssertAccepted(await _client.AddDelSnatPrefixAsync(new AddDelSnatPrefixRequest { IsAdd = false, Prefix = prefix }));
    }

    [Fact]
    public async Task Source_nat_is_set_and_removed()
    {
        AssertAccepted(await _client.SetSnatAddressAsync(new SetSnatAddressRequest { SnatIpv4 = "192.0.2.2" }));
        AssertAccepted(await _client.AddDelSnatPrefixAsync(new AddDelSnatPrefixRequest { IsAdd = true, Prefix = "10.244.0.0/16" }));
        AssertAccepted(await _client.AddDelSnatPrefixAsync(new AddDelSnatPrefixRequest { IsAdd = true, Prefix = "200.1.1.1" }));
        Assert.Equal("192.0.2.2", _api.Core.Snat.Address?.ToString());
        Assert.Equal(["10.244.0.0/16", "200.1.1.1/32"], _api.Core.Snat.Prefixes.Select(p => p.ToString()));
        AssertAccepted(await _client.AddDelSnatPrefixAsync(new AddDelSnatPrefixRequest { IsAdd = false, Prefix = "10.244.0.0/16" }));
        AssertAccepted(await _client.SetSnatAddressAsync(new SetSnatAddressRequest()));
        Assert.Null(_api.Core.Snat.Address);
        Assert.Equal(["200.1.1.1/32"], _api.Core.Snat.Prefixes.Select(p => p.ToString()));
    }

    [Fact]
    public async Task Invalid_source_nat_is_rejected_with_its_field()
    {
        await AssertRejectedAsync("snat_ipv4: \"node\" is not an IP address", async () => await _client.SetSnatAddressAsync(
            new SetSnatAddressRequest { SnatIpv4 = "node" }));
        await AssertRejectedAsync("snat_ipv6: this pipeline carries IPv4 only", async () => await _client.SetSnatAddressAsync(
            new SetSnatAddressRequest { SnatIpv4 = "192.0.2.2", SnatIpv6 = "fd00::1" }));
        await AssertRejectedAsync(
            "prefix: empty", async () => await _client.AddDelSnatPrefixAsync(new AddDelSnatPrefixRequest { IsAdd = true }));
        await AssertRejectedAsync("prefix: \"10.244.0.0/33\" has invalid prefix length 33 (0–32)",
            async () => await _client.AddDelSnatPrefixAsync(new AddDelSnatPrefixRequest { IsAdd = true, Prefix = "10.244.0.0/33" }));
        Assert.Empty(_api.Core.Intents);
    }

    [Fact]
    public async Task A_refusal_by_the_programmer_is_returned()
    {
        _api.Core.Refusal = IntentException.AlreadyExists("ports[0].frontends[0]", "10.96.0.10:80/TCP belongs to service default/web");
        var e = await Assert.ThrowsAsync<RpcException>(async () => await _client.NatTranslationAddAsync(Web("10.244.1.2")));
        Assert.Equal(StatusCode.AlreadyExists, e.StatusCode);
        Assert.Contains("belongs to service default/web", e.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_the_cluster_is_watched_services_of_the_agent_are_rejected()
    {
        await using var watching = await ApiFixture.StartAsync(servicesFrom: "watch");
        var client = new InfraAgent.InfraAgentClient(watching.Connect(watching.Pki.IssueHost()));
        foreach (var call in new Func<Task>[] { async () => await client.NatTranslationAddAsync(
            Web("10.244.1.2")), async () => await client.NatTranslationDeleteAsync(Web()) })
        {
            var refused = await Assert.ThrowsAsync<RpcException>(call);
            Assert.Equal(StatusCode.PermissionDenied, refused.StatusCode);
            Assert.Contains("Services:Source", refused.Status.Detail, StringComparison.Ordinal);
        }
        Assert.Empty(watching.Core.Intents);
        // Source NAT does not come from the API server.
        AssertAccepted(await client.SetSnatAddressAsync(new SetSnatAddressRequest { SnatIpv4 = "192.0.2.2" }));
    }

    private static void AssertAccepted(Reply reply) => Assert.True(reply.Successful, reply.ErrorMessage);

    private static async Task AssertRejectedAsync(string message, Func<Task> call)
    {
        var e = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal((StatusCode.InvalidArgument, message), (e.StatusCode, e.Status.Detail));
    }

    private static NatTranslation Web(params string[] backends)
    {
        var request = new NatTranslation { Endpoint = new NatEndpoint { Ipv4Addr = "10.96.0.10", Port = 80 }, Proto = "TCP" };
        request.Backends.AddRange(backends.Select(b => new NatEndpointTuple { DstEp = new NatEndpoint { Ipv4Addr = b, Port = 8080 } }));
        return request;
    }
}
