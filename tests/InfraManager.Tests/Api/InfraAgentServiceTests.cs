using ACCOffload.InfraManager.Api;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.Protos.Infra;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.Api;

public sealed class InfraAgentServiceTests : IAsyncLifetime
{
    private ApiFixture _api = null!;
    private InfraAgent.InfraAgentClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        _api = await ApiFixture.StartAsync();
        _client = new InfraAgent.InfraAgentClient(_api.Connect(_api.Pki.IssueHost()));
    }

    public async ValueTask DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task CreateNetwork_becomes_an_attach_intent()
    {
        var reply = await _client.CreateNetworkAsync(Requests.CreateNetwork());
        Assert.True(reply.Successful, reply.ErrorMessage);
        Assert.Equal("tap3", reply.HostInterfaceName);
        var spec = Assert.IsType<AttachIntent>(Assert.Single(_api.Core.Intents)).Spec;
        Assert.Equal(new AttachmentKey("infra", "/var/run/netns/cni-1", "eth0"), spec.Key);
        Assert.Equal(
            (ApiOrigin.InfraAgent, EndpointKind.Pod, "tap3", "02:00:00:00:00:01", "web-0"),
            (spec.Origin, spec.Kind, spec.PortName, spec.Mac.ToString(), spec.PodName));
        Assert.Equal("10.244.1.2", Assert.Single(spec.Addresses).ToString());
        Assert.True(spec.Stamp.IsUnordered);
    }

    public static TheoryData<string, Action<CreateNetworkRequest>> Malformed => new()
    {
        { "add_request: missing", r => r.AddRequest = null },
        { "add_request.netns: empty", r => r.AddRequest.Netns = "" },
        { "add_request.interface_name: empty", r => r.AddRequest.InterfaceName = "" },
        { "add_request.container_ips: empty", r => r.AddRequest.ContainerIps.Clear() },
        { "add_request.container_ips[0].address: \"x/24\" has no IP address before the '/'",
            r => r.AddRequest.ContainerIps[0].Address = "x/24" },
        { "add_request.container_ips[0].address: \"10.244.1.2/999\" has invalid prefix length 999 (0–32)",
            r => r.AddRequest.ContainerIps[0].Address = "10.244.1.2/999" },
        { "host_if_name: empty", r => r.HostIfName = "" },
        { "mac_addr: empty", r => r.MacAddr = "" },
        { "mac_addr: \"02:00\" is not a MAC address", r => r.MacAddr = "02:00" },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task A_malformed_request_is_rejected_with_its_field(string message, Action<CreateNetworkRequest> corrupt)
    {
        var request = Requests.CreateNetwork();
        corrupt(request);
        await AssertRejectedAsync(StatusCode.InvalidArgument, message, async () => await _client.CreateNetworkAsync(request));
        Assert.Empty(_api.Core.Intents);
    }

    // The 24.01 agent checks only the status.
    [Fact]
    public async Task A_refusal_has_its_code_and_message()
    {
        const string Message = "addresses[0]: 10.244.1.2 belongs to another endpoint";
        _api.Core.Refusal = IntentException.AlreadyExists("addresses[0]", "10.244.1.2 belongs to another endpoint");
        await AssertRejectedAsync(
            StatusCode.AlreadyExists, Message, async () => await _client.CreateNetworkAsync(Requests.CreateNetwork()));
        await AssertRejectedAsync(
            StatusCode.AlreadyExists, Message, async () => await _client.DeleteNetworkAsync(Requests.DeleteNetwork()));
        await AssertRejectedAsync(
            StatusCode.AlreadyExists, Message, async () => await _client.SetupHostInterfaceAsync(Requests.SetupHostInterface()));
        await AssertRejectedAsync(StatusCode.AlreadyExists, Message, async () => await _client.AddDelSnatPrefixAsync(
            new AddDelSnatPrefixRequest { Prefix = "10.244.0.0/16", IsAdd = true }));
        await AssertRejectedAsync(StatusCode.InvalidArgument, "snat_ipv6: ", async () => await _client.SetSnatAddressAsync(
            new SetSnatAddressRequest { SnatIpv6 = "2001:db8::1" }));
        await AssertRejectedAsync(
            StatusCode.InvalidArgument, "prefix: empty", async () => await _client.AddDelSnatPrefixAsync(new AddDelSnatPrefixRequest()));
    }

    [Fact]
    public async Task A_reused_device_is_logged_with_its_previous_and_new_owner()
    {
        await _client.CreateNetworkAsync(Requests.CreateNetwork());
        _api.Core.StoredEndpoints.Add(
            new EndpointView(new Endpoint(1, Assert.IsType<AttachIntent>(_api.Core.Intents[0]).Spec, true), 7, true));
        var next = Requests.CreateNetwork();
        next.AddRequest.Netns = "/var/run/netns/cni-2";
        await _client.CreateNetworkAsync(next);
        Assert.Single(_api.Log.Matching("now belongs to infra//var/run/netns/cni-2/eth0; infra//var/run/netns/cni-1/eth0 was removed"));
    }

    // The calls succeed, so the limits for refusals do not apply.
    [Theory]
    [InlineData(2)]
    [InlineData(1000)]
    public async Task A_device_that_keeps_moving_between_containers_logs_a_few_lines_and_then_counts(int containers)
    {
        var request = Requests.CreateNetwork();
        for (var i = 0; i < 1000; i++)
        {
            request.AddRequest.Netns = $"/var/run/netns/cni-{i % containers}";
            await _client.CreateNetworkAsync(request);
            _api.Core.StoredEndpoints.Clear();
            _api.Core.StoredEndpoints.Add(
                new EndpointView(new Endpoint(1, Assert.IsType<AttachIntent>(_api.Core.Intents[^1]).Spec, true), 7, true));
        }
        Assert.Equal(1000, _api.Core.Intents.Count);
        Assert.InRange(_api.Log.Lines.Count, 2, 20);
        Assert.Single(_api.Log.Matching("(100 more takeovers not logged)"));
    }

    private static async Task AssertRejectedAsync(StatusCode code, string message, Func<Task> call)
    {
        var e = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal(code, e.StatusCode);
        Assert.StartsWith(message, e.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DeleteNetwork_finds_the_attachment_by_namespace_or_address()
    {
        Assert.True((await _client.DeleteNetworkAsync(Requests.DeleteNetwork())).Successful);
        Assert.Equal(
            new AttachmentKey("infra", "/var/run/netns/cni-1", "eth0"), Assert.IsType<DetachIntent>(Assert.Single(_api.Core.Intents)).Key);

        await _client.CreateNetworkAsync(Requests.CreateNetwork());
        _api.Core.StoredEndpoints.Add(
            new EndpointView(new Endpoint(1, Assert.IsType<AttachIntent>(_api.Core.Intents[1]).Spec, true), 7, true));
        Assert.True((await _client.DeleteNetworkAsync(new DeleteNetworkRequest { Ipv4Addr = "10.244.1.2/32" })).Successful);
        Assert.Equal("/var/run/netns/cni-1", Assert.IsType<DetachIntent>(_api.Core.Intents[2]).Key.ContainerId);

        Assert.True((await _client.DeleteNetworkAsync(new DeleteNetworkRequest { Ipv4Addr = "10.244.1.99" })).Successful);
        Assert.Equal(3, _api.Core.Intents.Count);
        await AssertRejectedAsync(StatusCode.InvalidArgument, "del_request: missing, and ipv4_addr is empty",
            async () => await _client.DeleteNetworkAsync(new DeleteNetworkRequest()));
        await AssertRejectedAsync(StatusCode.InvalidArgument, "ipv4_addr: \"zz\" is not an IP address",
            async () => await _client.DeleteNetworkAsync(new DeleteNetworkRequest { Ipv4Addr = "zz" }));
    }

    // 24.01's database has no namespace; the agent's request has one.
    [Fact]
    public async Task DeleteNetwork_finds_an_attachment_taken_over_from_a_24_01_manager()
    {
        await _client.CreateNetworkAsync(Requests.CreateNetwork());
        var spec = Assert.IsType<AttachIntent>(_api.Core.Intents[0]).Spec;
        var imported = spec with { Key = InfraAgentRequests.ImportedKey(spec.Addresses[0]) };
        _api.Core.StoredEndpoints.Add(new EndpointView(new Endpoint(1, imported, false), 7, true));

        var request = Requests.DeleteNetwork();
        request.Ipv4Addr = $"{spec.Addresses[0]}/32";
        request.MacAddr = spec.Mac.ToString();
        Assert.True((await _client.DeleteNetworkAsync(request)).Successful);
        Assert.Equal(imported.Key, Assert.IsType<DetachIntent>(_api.Core.Intents[^1]).Key);

        // A late request about an earlier pod, whose address the pod has now.
        request.MacAddr = "02:00:00:00:00:77";
        Assert.True((await _client.DeleteNetworkAsync(request)).Successful);
        Assert.Equal("/var/run/netns/cni-1", Assert.IsType<DetachIntent>(_api.Core.Intents[^1]).Key.ContainerId);
    }

    [Fact]
    public async Task SetupHostInterface_becomes_the_host_endpoint()
    {
        Assert.True((await _client.SetupHostInterfaceAsync(Requests.SetupHostInterface())).Successful);
        var spec = Assert.IsType<AttachIntent>(Assert.Single(_api.Core.Intents)).Spec;
        Assert.Equal((EndpointKind.Host, "tap0", "200.1.1.2"), (spec.Kind, spec.PortName, spec.Addresses[0].ToString()));
        foreach (var (request, message) in new[]
        {
            (new SetupHostInterfaceRequest(), "if_name: empty"),
            (new SetupHostInterfaceRequest { IfName = "tap0" }, "mac_addr: empty"),
            (new SetupHostInterfaceRequest { IfName = "tap0", MacAddr = "02:00:00:00:00:02", Ipv4Addr = "1.2.3" },
                "ipv4_addr: \"1.2.3\" is not an IP address"),
        })
        {
            await AssertRejectedAsync(StatusCode.InvalidArgument, message, async () => await _client.SetupHostInterfaceAsync(request));
        }
    }

    [Fact]
    public async Task Policy_messages_succeed_without_effect_and_are_logged_once_per_method()
    {
        var agent = new ForwardingAgent(() => _api.Connect(_api.Pki.IssueHost()));
        await agent.StartAsync();
        for (var i = 0; i < 2; i++)
        {
            foreach (var method in (string[])["UpdateIPSet", "ActivePolicyUpdate", "UpdateHostMetaData", "RemoveVXLANTunnelEndpoint"])
            {
                Assert.True((await agent.CallAsync(method, [])).Successful);
            }
        }
        Assert.Equal(4, _api.Log.Matching("has no effect: network policy is not enforced").Count());
        Assert.IsType<AttachIntent>(Assert.Single(_api.Core.Intents));
    }
}
