using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Paths;

/// <summary>An uplink with a smaller MTU than the pods: the virtual router reports it to them.</summary>
public sealed class SmallUplinkTests
{
    [Fact]
    public async Task Pods_and_service_backends_learn_the_uplink_MTU()
    {
        Needs.Lab();
        await using var node = await ServiceNode.StartAsync(pods: 2, uplinkMtu: 1300);
        await node.SetClusterAsync(Objects.Service("web", "10.96.7.10", nodePort: 30710), Objects.Slice("s", "web", [node.Endpoint(1)]));
        node.Serve(node.OutsideNamespace, "external", 7070, Outside.ClientAddress);
        await node.MasqueradeOutgoingAsync();

        await node.ExternalClient.EchoAsync($"{ServiceNode.NodeAddress}:30710");
        await node.From(2).EchoAsync($"{Outside.ClientAddress}:7070");
        Assert.Contains("too_big ", await node.DropsAsync(), StringComparison.Ordinal);
    }
}
