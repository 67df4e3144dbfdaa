using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Faults;

/// <summary>The node's addresses and ranges come from the cluster, none from the configuration.</summary>
public sealed class NodeAddressTests : IAsyncLifetime
{
    private const string NewAddress = "192.0.2.77";

    private ServiceNode _node = null!;

    public async ValueTask InitializeAsync()
    {
        Needs.Lab();
        _node = await ServiceNode.StartAsync(pods: 2, rangesFromCluster: true);
        await _node.SetClusterAsync(
            Kube.Service("web", "10.96.0.10", ("", "TCP", 80, 30080)), Kube.WebSlice("web-1", Kube.Endpoint(_node.Pods[1].Address)));
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

    private Task AnswersAsync(Client client, string address) =>
        _node.AnswersAsync(client, System.Net.Sockets.ProtocolType.Tcp, $"{address}:30080", $"1:{ServiceNode.Port}");

    private Task AddressAsync(string address) => Eventually.TrueAsync(
        async () => await _node.Lab.TryControlAsync("status") is { } status && (string?)status["nodeAddresses"]?[0] == address,
        () => _node.Lab.Manager!.Log);
}
