using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Paths;

/// <summary>Every path to a service that kube-proxy supports, without kube-proxy on the node.</summary>
public sealed class PathTests(NodeFixture fixture) : IClassFixture<NodeFixture>
{
    private const string Address = "10.96.0.10:80";
    private const string NodePort = $"{ServiceNode.NodeAddress}:30080";

    [Fact]
    public async Task A_pod_reaches_a_service_from_its_own_address()
    {
        Needs.Lab();
        var node = await WithTwoBackendsAsync();
        await node.AnswersAsync(node.From(3), Address, "1:8080", "2:8080");
        foreach (var protocol in new[] { ProtocolType.Tcp, ProtocolType.Udp })
        {
            var answer = await node.From(3).AskAsync(protocol, Address);
            Assert.Equal(answer.Own, answer.Seen);
        }
    }

    [Fact]
    public async Task Packets_are_counted_by_frontend_and_backend()
    {
        Needs.Lab();
        var node = await WithTwoBackendsAsync();
        await node.AnswersAsync(node.From(3), Address, "1:8080", "2:8080");
        var before = await PortAsync();
        Assert.Equal(["10.96.0.10:80 ClusterIP cluster cluster", "192.0.2.2:30080 NodePort cluster cluster"],
            before["frontends"]!.AsArray().Where(f => Text(f!, "kind").Length > 0)
            .Select(f => $"{Text(f!, "address")}:{f!["port"]} {Text(f, "kind")} {Text(f, "inside")} {Text(f, "outside")}")
            .Order(StringComparer.Ordinal));
        Assert.Equal(
            new[] { 1, 2 }.Select(p => $"{node.Pods[p].Address}:8080 local ready").Order(StringComparer.Ordinal),
            before["backends"]!.AsArray().Where(b => b!["buckets"]!.GetValue<int>() > 0)
                .Select(b => $"{Text(b!, "address")}:{b!["port"]} {Text(b, "place")} {Text(b, "condition")}")
                .Order(StringComparer.Ordinal));
        // A client sends at least four packets per connection: SYN, two ACKs, FIN.
        for (var i = 0; i < 10; i++)
        {
            await node.From(3).AskTcpAsync(Address);
        }

        var after = await PortAsync();
        Assert.True(Packets(after, "frontends") >= Packets(before, "frontends") + 40, $"before: {before}; after: {after}");
        Assert.True(Packets(after, "backends") >= Packets(before, "backends") + 40, $"before: {before}; after: {after}");

        async Task<JsonNode> PortAsync() =>
            (await node.Lab.ControlAsync("services", "default/web"))["services"]!.AsArray().Single()!["ports"]!.AsArray()
                .Single(p => Text(p!, "name") == "tcp")!;

        static string Text(JsonNode of, string name) => of[name]!.GetValue<string>();

        static long Packets(JsonNode port, string of) => port[of]!.AsArray().Sum(f => f!["packets"]!.GetValue<long>());
    }

    [Fact]
    public async Task The_host_reaches_a_service()
    {
        Needs.Lab();
        var node = await WithTwoBackendsAsync();
        await node.AnswersAsync(node.Host, Address, "1:8080", "2:8080");
        Assert.Equal(ServiceNode.HostAddress, (await node.Host.AskTcpAsync(Address)).Seen!.Address.ToString());
    }

    [Fact]
    public async Task The_node_reaches_its_pods()
    {
        Needs.Lab();
        var node = await WithTwoBackendsAsync();
        await node.AnswersAsync(node.Host, $"{node.Pods[1].Address}:8080", "1:8080");
        await node.AnswersAsync(node.Host, $"{node.Pods[3].Address}:9090", "3:9090");
    }

    [Fact]
    public async Task An_external_client_reaches_a_node_port_masqueraded()
    {
        Needs.Lab();
        var node = await WithTwoBackendsAsync();
        await node.AnswersAsync(node.ExternalClient, NodePort, "1:8080", "2:8080");
        await node.AnswersAsync(node.OtherExternalClient, NodePort, "1:8080", "2:8080");
        foreach (var protocol in new[] { ProtocolType.Tcp, ProtocolType.Udp })
        {
            var answer = await node.ExternalClient.AskAsync(protocol, NodePort);
            Assert.Equal(ServiceNode.NodeAddress, answer.Seen!.Address.ToString());
        }
    }

    [Fact]
    public async Task A_pod_reaches_a_node_port()
    {
        Needs.Lab();
        var node = await WithTwoBackendsAsync();
        await node.AnswersAsync(node.From(3), NodePort, "1:8080", "2:8080");
    }

    [Fact]
    public async Task A_pod_reaches_itself_through_its_service_masqueraded()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        await node.SetClusterAsync(Objects.Service("web", "10.96.0.10"), Objects.Slice("s", "web", [node.Endpoint(1)]));
        await node.AnswersAsync(node.From(1), Address, "1:8080");
        foreach (var protocol in new[] { ProtocolType.Tcp, ProtocolType.Udp })
        {
            var answer = await node.From(1).AskAsync(protocol, Address);
            Assert.NotEqual(answer.Own.Address, answer.Seen!.Address);
            Assert.NotEqual(node.Pods[1].Address, answer.Seen!.Address.ToString());
        }

        await using var held = await node.From(1).HoldAsync(Address);
        await held.StillWorksAsync();
    }

    [Fact]
    public async Task An_endpoint_of_another_node_is_reached_through_the_uplink()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        node.Serve(node.OutsideNamespace, "remote", 8070, Outside.RemotePod);
        await node.SetClusterAsync(
            Objects.Service("far", "10.96.0.30"), Objects.Slice("s", "far", [Kube.Endpoint(Outside.RemotePod, "node-2")], 8070));
        await node.AnswersAsync(node.From(3), "10.96.0.30:80", "remote");
        Assert.True((await node.From(3).AskTcpAsync("10.96.0.30:80")).SourceKept);
        await node.AnswersAsync(node.Host, "10.96.0.30:80", "remote");
    }

    [Fact]
    public async Task An_external_client_reaches_itself_through_a_service_masqueraded()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        node.Serve(node.OutsideNamespace, "itself", 8074, Outside.ClientAddress);
        await node.SetClusterAsync(
            Objects.Service("own", "10.96.0.31", nodePort: 30081).With("spec.externalIPs", new JsonArray("192.0.2.78")),
            Objects.Slice("s", "own", [Kube.Endpoint(Outside.ClientAddress, "node-2")], 8074));
        foreach (var to in new[] { $"{ServiceNode.NodeAddress}:30081", "192.0.2.78:80" })
        {
            await node.AnswersAsync(node.ExternalClient, to, "itself");
            foreach (var protocol in new[] { ProtocolType.Tcp, ProtocolType.Udp })
            {
                var answer = await node.ExternalClient.AskAsync(protocol, to);
                Assert.Equal(ServiceNode.NodeAddress, answer.Seen!.Address.ToString());
            }

            await using var held = await node.ExternalClient.HoldAsync(to);
            await held.StillWorksAsync();
        }
    }

    [Fact]
    public async Task The_kubernetes_service_is_reached_on_the_host_network_and_on_other_nodes()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        node.Serve(node.Lab.HostNamespace, "api-here", 6443, ServiceNode.NodeAddress);
        node.Serve(node.OutsideNamespace, "api-there", 6443, Outside.ClientAddress);
        var kubernetes = Kube.Service("kubernetes", "10.96.0.1", ("https", "TCP", 443, 0));
        await node.SetClusterAsync(kubernetes,
            Kube.Slice("s", "kubernetes", [("https", "TCP", 6443)], Kube.Endpoint(ServiceNode.NodeAddress)));
        await node.AnswersAsync(node.From(3), ProtocolType.Tcp, "10.96.0.1:443", "api-here");
        await node.AnswersAsync(node.Host, ProtocolType.Tcp, "10.96.0.1:443", "api-here");

        await node.SetClusterAsync(kubernetes,
            Kube.Slice("s", "kubernetes", [("https", "TCP", 6443)], Kube.Endpoint(ServiceNode.NodeAddress),
                Kube.Endpoint(Outside.ClientAddress, "node-2")));
        await node.AnswersAsync(node.From(3), ProtocolType.Tcp, "10.96.0.1:443", "api-here", "api-there");
    }

    [Fact]
    public async Task A_service_without_backends_refuses_all_clients()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        await node.SetClusterAsync(Objects.Service("web", "10.96.0.10", nodePort: 30080));
        await node.AnswersAsync(node.From(3), Address, Answer.Refused);
        await node.AnswersAsync(node.Host, Address, Answer.Refused);
        await node.AnswersAsync(node.From(3), NodePort, Answer.Refused);
        await node.AnswersAsync(node.ExternalClient, NodePort, Answer.Refused);
    }

    [Fact]
    public async Task An_external_IP_is_served_to_pods_and_external_clients()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        var service = Objects.Service("web", "10.96.0.10").With("spec.externalIPs", new JsonArray("192.0.2.77"));
        await node.SetClusterAsync(service, Objects.Slice("s", "web", [node.Endpoint(1), node.Endpoint(2)]));
        await node.AnswersAsync(node.ExternalClient, "192.0.2.77:80", "1:8080", "2:8080");
        await node.AnswersAsync(node.From(3), "192.0.2.77:80", "1:8080", "2:8080");
        Assert.False((await node.ExternalClient.AskTcpAsync("192.0.2.77:80")).SourceKept);
    }

    private async Task<ServiceNode> WithTwoBackendsAsync()
    {
        var node = await fixture.NodeAsync();
        await node.SetClusterAsync(Objects.Service("web", "10.96.0.10", nodePort: 30080),
            Objects.Slice("s", "web", [node.Endpoint(1), node.Endpoint(2)]));
        return node;
    }
}
