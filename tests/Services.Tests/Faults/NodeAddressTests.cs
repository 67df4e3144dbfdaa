using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Services.Tests.Faults;

/// <summary>The node's addresses and ranges come from the cluster, none from the configuration.</summary>
public sealed class NodeAddressTests : IAsyncLifetime
{
    private const string NewAddress = "192.0.2.77";
    private const string ExternalAddress = "198.51.100.200";

    private ServiceNode _node = null!;

    public async ValueTask InitializeAsync()
    {
        Needs.Lab();
        _node = await ServiceNode.StartAsync(pods: 2, rangesFromCluster: true);
        await _node.SetClusterAsync(
            Kube.Service("web", "10.96.0.10", ("tcp", "TCP", 80, 30080), ("udp", "UDP", 80, 30080))
                .With("spec.externalIPs", new JsonArray(ExternalAddress, ServiceNode.NodeAddress)),
            Kube.Slice(
                "web-1", "web", [("tcp", "TCP", ServiceNode.Port), ("udp", "UDP", ServiceNode.Port)],
                Kube.Endpoint(_node.Pods[1].Address)));
    }

    public async ValueTask DisposeAsync()
    {
        if (_node is not null)
        {
            await _node.DisposeAsync();
        }
    }

    [Fact]
    public async Task Node_ports_follow_the_nodes_address_and_survive_a_restart_without_the_API_server()
    {
        Needs.Lab();
        await AnswersAsync(_node.ExternalClient, ServiceNode.NodeAddress);
        await AnswersAsync(_node.From(2), ServiceNode.NodeAddress);

        // As if kubelet had found another address.
        _node.Api.Put(ServiceNode.Node(NewAddress));
        await AddressAsync(NewAddress);
        await AnswersAsync(_node.From(2), NewAddress);

        await _node.Api.StopAsync();
        await _node.Lab.StopManagerAsync();
        await _node.Lab.StartManagerAsync();
        await AddressAsync(NewAddress);
        await AnswersAsync(_node.From(2), NewAddress);
        await _node.Api.RestartAsync();
    }

    [Fact]
    public async Task The_host_reaches_its_own_node_ports_and_all_addresses_of_services()
    {
        Needs.Lab();
        string[] addresses =
            ["10.96.0.10:80", $"{ExternalAddress}:80", $"{ServiceNode.NodeAddress}:30080", $"{ServiceNode.NodeAddress}:80"];
        // The agent learns about services with its next probe.
        await Eventually.TrueAsync(
            async () => (await RouteToOwnPortAsync(80)).Contains("via 169.254.1.1", StringComparison.Ordinal),
            "the rules are there");
        foreach (var address in addresses)
        {
            await _node.AnswersAsync(_node.Host, address, $"1:{ServiceNode.Port}");
        }

        // The host's own programs are still reachable at the node's address.
        _node.Serve(_node.HostNamespace, "host:7000", 7000);
        await _node.AnswersAsync(_node.Host, $"{ServiceNode.NodeAddress}:7000", "host:7000");
        await _node.AnswersAsync(_node.From(2), $"{ServiceNode.NodeAddress}:7000", "host:7000");

        _node.Api.Delete(Kube.Services, "default/web");
        await Eventually.TrueAsync(
            async () => (await RouteToOwnPortAsync(80)).StartsWith("local", StringComparison.Ordinal),
            "the rule for the port outside the range is gone");
    }

    [Fact]
    public async Task The_host_reaches_a_host_port_from_the_moment_the_pod_is_attached()
    {
        Needs.Lab();
        await Eventually.TrueAsync(
            async () => (await RouteToOwnPortAsync(80)).Contains("via 169.254.1.1", StringComparison.Ordinal),
            "the rules are there");
        await _node.AddPodAsync(3, null, ServiceNode.Mapping(18443, ServiceNode.Port));
        Assert.Contains("via 169.254.1.1", await RouteToOwnPortAsync(18443), StringComparison.Ordinal);
        await _node.AnswersAsync(_node.Host, ProtocolType.Tcp, $"{ServiceNode.NodeAddress}:18443", $"3:{ServiceNode.Port}");

        await _node.DeletePodAsync(3);
        await Eventually.TrueAsync(
            async () => (await RouteToOwnPortAsync(18443)).StartsWith("local", StringComparison.Ordinal), "the rule is gone");
    }

    [Fact]
    public async Task Load_balancers_check_health_at_the_nodes_address()
    {
        Needs.Lab();
        var service = Kube.Service("lb", "10.96.0.11", ("tcp", "TCP", 80, 30081)).With("spec.type", "LoadBalancer")
            .With("spec.externalTrafficPolicy", "Local").With("spec.healthCheckNodePort", 31999);
        // The host answers machines outside through the pipeline, as with HostInterface:Routes.
        await Shell.RunAsync(_node.HostNamespace, "ip", ["route", "add", $"{Outside.ClientAddress}/32", "via", "169.254.1.1", "dev",
            "accoffload0", "onlink"]).Succeeded();
        await _node.SetClusterAsync(service, Slice(Kube.Endpoint(_node.Pods[1].Address)));
        await HealthIsAsync("HTTP/1.1 200 OK", "\"localEndpoints\":1");
        await _node.SetClusterAsync(service, Slice(Kube.Endpoint(Outside.RemotePod, "node-2")));
        await HealthIsAsync("HTTP/1.1 503 Service Unavailable", "\"localEndpoints\":0");

        JsonObject Slice(JsonObject endpoint) => Kube.Slice("lb-1", "lb", [("tcp", "TCP", ServiceNode.Port)], endpoint);

        // From outside, from a pod, and from the node itself.
        async Task HealthIsAsync(params string[] expected)
        {
            foreach (var (name, client) in new[] { ("the node", _node.Host), ("a pod", _node.From(2)), ("outside", _node.ExternalClient) })
            {
                var answer = "";
                await Eventually.TrueAsync(
                    async () =>
                    {
                        answer = await client.GetAsync($"{ServiceNode.NodeAddress}:31999");
                        return expected.All(e => answer.Contains(e, StringComparison.Ordinal));
                    },
                    () => $"{string.Join(", ", expected)} for {name}; the response is {answer}");
            }
        }
    }

    [Fact]
    public async Task Pods_keep_their_address_within_the_cluster_and_get_the_nodes_outside()
    {
        Needs.Lab();
        _node.Serve(_node.OutsideNamespace, "outside", 7001);
        var outside = await _node.From(2).AskAsync(ProtocolType.Tcp, $"{Outside.ClientAddress}:7001");
        Assert.Equal(("outside", ServiceNode.NodeAddress), (outside.Server, outside.Seen?.Address.ToString()));
        var remote = await _node.From(2).AskAsync(ProtocolType.Tcp, $"{Outside.RemotePod}:7001");
        Assert.Equal(("outside", _node.Pods[2].Address), (remote.Server, remote.Seen?.Address.ToString()));
    }

    private async Task<string> RouteToOwnPortAsync(int port) => (await Shell.RunLineAsync(
        _node.HostNamespace, $"ip route get {ServiceNode.NodeAddress} ipproto tcp dport {port}").Succeeded()).Output;

    private Task AnswersAsync(Client client, string address) =>
        _node.AnswersAsync(client, ProtocolType.Tcp, $"{address}:30080", $"1:{ServiceNode.Port}");

    private Task AddressAsync(string address) => Eventually.TrueAsync(
        async () => await _node.Lab.TryControlAsync("status") is { } status && (string?)status["nodeAddresses"]?[0] == address,
        () => _node.Lab.Manager!.Log);
}
