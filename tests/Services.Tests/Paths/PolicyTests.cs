using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Paths;

/// <summary>Traffic policies, source ranges and session affinity of a Service.</summary>
public sealed class PolicyTests(NodeFixture fixture) : IClassFixture<NodeFixture>
{
    private const string NodePort = $"{ServiceNode.NodeAddress}:30080";
    private const string Ingress = "192.0.2.88";

    [Fact]
    public async Task External_policy_Local_keeps_the_client_address_and_uses_local_backends()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        node.Serve(node.OutsideNamespace, "remote", 8080, Outside.RemotePod);
        var service = Objects.Service("web", "10.96.0.10", nodePort: 30080).With("spec.externalTrafficPolicy", "Local");
        await node.SetClusterAsync(service,
            Objects.Slice("s", "web", [node.Endpoint(1), node.Endpoint(2), Kube.Endpoint(Outside.RemotePod, "node-2")]));
        await node.AnswersAsync(node.ExternalClient, NodePort, "1:8080", "2:8080");
        foreach (var protocol in new[] { ProtocolType.Tcp, ProtocolType.Udp })
        {
            var answer = await node.ExternalClient.AskAsync(protocol, NodePort);
            Assert.Equal(answer.Own, answer.Seen);
        }

        // The policy does not apply to clients inside the cluster.
        await node.AnswersAsync(node.From(3), "10.96.0.10:80", "1:8080", "2:8080", "remote");
        await node.AnswersAsync(node.From(3), NodePort, "1:8080", "2:8080", "remote");
    }

    [Fact]
    public async Task External_policy_Local_without_a_local_backend_drops()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        var service = Objects.Service("web", "10.96.0.10", nodePort: 30080).With("spec.externalTrafficPolicy", "Local");
        await node.SetClusterAsync(service, Objects.Slice("s", "web", [Kube.Endpoint(Outside.RemotePod, "node-2")], 8071));
        var before = await DropsAsync(node, "no_local_backend");
        Assert.Equal(Answer.Silent, (await node.ExternalClient.AskTcpAsync(NodePort, shortTimeout: true)).Server);
        Assert.Equal(Answer.Silent, (await node.ExternalClient.AskUdpAsync(NodePort, shortTimeout: true)).Server);
        Assert.True(await DropsAsync(node, "no_local_backend") >= before + 2);
    }

    [Fact]
    public async Task The_health_check_reports_whether_this_node_has_a_backend()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        var service = Objects.Service("web", "10.96.0.10", nodePort: 30080).WithLoadBalancer(Ingress)
            .With("spec.externalTrafficPolicy", "Local").With("spec.healthCheckNodePort", 31999);
        await node.SetClusterAsync(service, Objects.Slice("s", "web", [node.Endpoint(1), node.Endpoint(2)]));
        await HealthCheckIsAsync("HTTP/1.1 200 OK", "\"localEndpoints\":2");
        await node.SetClusterAsync(service, Objects.Slice("s", "web", [Kube.Endpoint(Outside.RemotePod, "node-2")]));
        await HealthCheckIsAsync("HTTP/1.1 503 Service Unavailable", "\"localEndpoints\":0");

        // Requested from the node, over the link to the ACC.
        async Task HealthCheckIsAsync(params string[] expected)
        {
            var answer = "";
            await Eventually.TrueAsync(
                async () =>
                {
                    answer = await node.Host.GetAsync($"{ServiceNode.AccAddress}:31999");
                    return expected.All(e => answer.Contains(e, StringComparison.Ordinal));
                },
                () => $"{string.Join(", ", expected)}; the response is {answer}");
        }
    }

    [Fact]
    public async Task External_policy_Cluster_uses_any_backend_and_masquerades()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        node.Serve(node.OutsideNamespace, "remote", 8072, Outside.RemotePod);
        var service = Objects.Service("web", "10.96.0.10", nodePort: 30080);
        await node.SetClusterAsync(service, Objects.Slice("s", "web", [Kube.Endpoint(Outside.RemotePod, "node-2")], 8072));
        await node.AnswersAsync(node.ExternalClient, NodePort, "remote");
        Assert.Equal(ServiceNode.NodeAddress, (await node.ExternalClient.AskTcpAsync(NodePort)).Seen!.Address.ToString());
    }

    [Fact]
    public async Task Internal_policy_Local_uses_local_pods_and_drops_without_one()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        var service = Objects.Service("web", "10.96.0.10").With("spec.internalTrafficPolicy", "Local");
        await node.SetClusterAsync(service, Objects.Slice("s", "web", [node.Endpoint(1), Kube.Endpoint(Outside.RemotePod, "node-2")]));
        await node.AnswersAsync(node.From(3), "10.96.0.10:80", "1:8080");

        await node.SetClusterAsync(service, Objects.Slice("s", "web", [Kube.Endpoint(Outside.RemotePod, "node-2")]));
        Assert.Equal(Answer.Silent, (await node.From(3).AskTcpAsync("10.96.0.10:80", shortTimeout: true)).Server);
    }

    [Fact]
    public async Task A_load_balancer_address_only_admits_its_source_ranges()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        var service = Objects.Service("web", "10.96.0.10", nodePort: 30080).WithLoadBalancer(Ingress, "198.51.100.0/24", "10.244.0.0/16");
        await node.SetClusterAsync(service, Objects.Slice("s", "web", [node.Endpoint(1), node.Endpoint(2)]));
        await node.AnswersAsync(node.ExternalClient, $"{Ingress}:80", "1:8080", "2:8080");
        await node.AnswersAsync(node.From(3), $"{Ingress}:80", "1:8080", "2:8080");
        var before = await DropsAsync(node, "source_range");
        Assert.Equal(Answer.Silent, (await node.OtherExternalClient.AskTcpAsync($"{Ingress}:80", shortTimeout: true)).Server);
        Assert.Equal(Answer.Silent, (await node.OtherExternalClient.AskUdpAsync($"{Ingress}:80", shortTimeout: true)).Server);
        Assert.True(await DropsAsync(node, "source_range") >= before + 2);
        // Source ranges do not apply to node ports.
        await node.AnswersAsync(node.OtherExternalClient, NodePort, "1:8080", "2:8080");

        // Widening the ranges keeps existing flows and admits the other client.
        await using var held = await node.ExternalClient.HoldAsync($"{Ingress}:80");
        await node.SetClusterAsync(service.With("spec.loadBalancerSourceRanges", new JsonArray("203.0.113.0/24", "198.51.100.0/24")),
            Objects.Slice("s", "web", [node.Endpoint(1), node.Endpoint(2)]));
        await node.AnswersAsync(node.OtherExternalClient, $"{Ingress}:80", "1:8080", "2:8080");
        await held.StillWorksAsync();
    }

    [Fact]
    public async Task A_client_with_session_affinity_keeps_its_backend_while_it_exists()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        var service = Objects.Service("web", "10.96.0.10")
            .With("spec.sessionAffinity", "ClientIP").With("spec.sessionAffinityConfig.clientIP.timeoutSeconds", 10800);
        var pods = new[] { 1, 2, 4 };
        await node.SetClusterAsync(service, Objects.Slice("s", "web", pods.Select(node.Endpoint)));
        var chosen = (await node.From(3).AskTcpAsync("10.96.0.10:80")).Server;
        for (var i = 0; i < 12; i++)
        {
            Assert.Equal(chosen, (await node.From(3).AskTcpAsync("10.96.0.10:80")).Server);
        }

        // When its backend is removed, the client moves to another one and stays there.
        var left = pods.Where(p => $"{p}:8080" != chosen).ToArray();
        await node.SetClusterAsync(service, Objects.Slice("s", "web", left.Select(node.Endpoint)));
        var next = (await node.From(3).AskTcpAsync("10.96.0.10:80")).Server;
        Assert.Contains(next, left.Select(p => $"{p}:8080"));
        for (var i = 0; i < 12; i++)
        {
            Assert.Equal(next, (await node.From(3).AskTcpAsync("10.96.0.10:80")).Server);
        }
    }

    private static async Task<long> DropsAsync(ServiceNode node, string reason) => (await node.Lab.DropsAsync()).GetValueOrDefault(reason);
}
