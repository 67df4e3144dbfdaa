using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>After a backend or a node port is removed, existing connections continue and new ones no longer use it.</summary>
[Collection(nameof(BothNodes))]
public sealed class RemovalTests(BothNodes nodes)
{
    private const int Client = 7;

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task A_remote_pod_removed_from_the_slices_keeps_its_connections(Side side)
    {
        const string Address = "198.51.100.73";
        var node = await nodes.OfAsync(side);
        await using var server = new Server(await node.AddRemoteHostAsync(Address, 1400), "far", ServiceNode.Port);
        var service = Objects.Service("web", "10.96.6.10");
        var far = Kube.Endpoint(Address, "node-2");
        far["targetRef"] = new JsonObject { ["kind"] = "Pod", ["namespace"] = "default", ["name"] = "far", ["uid"] = "far-1" };
        await node.SetClusterAsync(service, Objects.Slice("s", "web", [far]));
        await using var held = await node.From(Client).HoldAsync("10.96.6.10:80");
        Assert.Equal("far", held.Server);

        await node.SetClusterAsync(service, Objects.Slice("s", "web", [node.Endpoint(1)]));
        Assert.Equal("1:8080", (await node.From(Client).RetryTcpAsync("10.96.6.10:80")).Server);
        await held.StillWorksAsync();
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task A_released_node_port_reaches_the_node_again(Side side)
    {
        var node = await nodes.OfAsync(side);
        await using var program = new Server(node.HostNamespace, "program", 30610);
        await node.SetClusterAsync(Objects.Service("web", "10.96.6.20", nodePort: 30610), Objects.Slice("s", "web", [node.Endpoint(1)]));
        var to = $"{ServiceNode.NodeAddress}:30610";
        await using var held = await node.ExternalClient.HoldAsync(to);
        Assert.Equal("1:8080", held.Server);

        await node.SetClusterAsync();
        Assert.Equal("program", (await node.ExternalClient.RetryTcpAsync(to)).Server);
        await held.StillWorksAsync();
    }
}
