using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>
/// A client uses one source port both for a service and for its pod directly: the pod could not tell the two flows apart.
/// </summary>
[Collection(nameof(BothNodes))]
public sealed class SourcePortTests(BothNodes nodes)
{
    private const int Client = 7;
    [Theory]
    [OnKernel(true)]
    [OnKernel(false)]
    [OnPipeline(true)]
    [OnPipeline(false)]
    public async Task Connections_from_one_port_to_a_service_and_to_its_pod_both_work(Side side, bool serviceFirst)
    {
        var (client, to) = await PrepareAsync(side, serviceFirst, serviceFirst ? 43001 : 43002);
        await using var first = await client.HoldAsync(to[0]);
        await first.StillWorksAsync();
        await using var second = await client.HoldAsync(to[1]);
        await second.StillWorksAsync();
        await first.StillWorksAsync();
    }

    [Theory]
    [OnKernel(true)]
    [OnKernel(false)]
    [OnPipeline(true)]
    [OnPipeline(false)]
    public async Task Datagrams_from_one_port_to_a_service_and_to_its_pod_are_answered(Side side, bool serviceFirst)
    {
        var (client, to) = await PrepareAsync(side, serviceFirst, serviceFirst ? 43003 : 43004);
        // Connected sockets ignore replies from other addresses.
        using var first = client.OpenUdp(to[0]);
        Assert.Equal("1:8080", (await first.AskAsync()).Server);
        using var second = client.OpenUdp(to[1]);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("1:8080", (await second.AskAsync()).Server);
            Assert.Equal("1:8080", (await first.AskAsync()).Server);
        }
    }

    private async Task<(Client Client, string[] To)> PrepareAsync(Side side, bool serviceFirst, int port)
    {
        var node = await nodes.OfAsync(side);
        await node.SetClusterAsync(Objects.Service("web", "10.96.3.10"), Objects.Slice("s", "web", [node.Endpoint(1)]));
        string[] to = ["10.96.3.10:80", $"{node.Pods[1].Address}:{ServiceNode.Port}"];
        return (node.From(Client).Fixed(port), serviceFirst ? to : [.. to.Reverse()]);
    }
}
