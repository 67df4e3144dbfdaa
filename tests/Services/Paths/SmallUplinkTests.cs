using ACCOffload.Integration;
using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Paths;

/// <summary>An uplink that takes less than the pods send: the virtual router tells them.</summary>
public sealed class SmallUplinkTests
{
    [RootFact]
    public async Task Both_a_pod_and_a_services_backend_learn_of_the_uplinks_MTU()
    {
        await using var node = await ServiceNode.StartAsync(pods: 2, uplinkMtu: 1300);
        await node.BecomeAsync(Objects.Service("web", "10.96.7.10", nodePort: 30710), Objects.Slice("s", "web", [node.Endpoint(1)]));
        node.Serve(node.OutsideNamespace, "friend", 7070, Outside.Friend);
        await node.MasqueradeOutgoingAsync();

        await node.Friend.EchoAsync($"{ServiceNode.NodeAddress}:30710");
        await node.From(2).EchoAsync($"{Outside.Friend}:7070");
        Assert.Contains("too_big ", await node.DropsAsync(), StringComparison.Ordinal);
    }
}
