using ACCOffload.Integration;
using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Sequences;

/// <summary>A pod goes, and the next one gets its address.</summary>
public sealed class AddressReuseTests(NodeFixture fixture) : IClassFixture<NodeFixture>
{
    [RootFact]
    public async Task Nothing_of_a_pod_that_is_gone_reaches_who_has_its_address_now()
    {
        var node = await fixture.NodeAsync();
        var (web, other) = (Objects.Service("web", "10.96.0.10"), Objects.Service("other", "10.96.0.20"));
        await node.BecomeAsync(web, other, Objects.Slice("s", "web", [node.Endpoint(1)]));
        await using var held = await node.From(3).HoldAsync("10.96.0.10:80");
        await using var heldByHost = await node.Host.HoldAsync("10.96.0.10:80");
        using var datagrams = node.From(3).OpenUdp("10.96.0.10:80");
        Assert.Equal("1:8080", (await datagrams.AskAsync()).Who);
        var address = node.Pods[1].Address;

        // Its pod is replaced by another service's before the slices tell: the address is the same, the endpoint isn't.
        await node.DeletePodAsync(1);
        await node.AddPodAsync(6, address);
        Assert.Equal(address, node.Pods[6].Address);
        await held.BreaksAsync();
        await heldByHost.BreaksAsync();

        await node.BecomeAsync(web, other, Objects.Slice("s", "web", []), Objects.Slice("o", "other", [node.Endpoint(6)]));
        await node.AnswersAsync(node.From(3), "10.96.0.10:80", Answer.Refused);
        await node.AnswersAsync(node.From(3), "10.96.0.20:80", "6:8080");
        Assert.Equal(Answer.Refused, (await datagrams.AskAsync()).Who);

        // And back: a new pod of the first service.
        await node.DeletePodAsync(6);
        await node.AddPodAsync(1, address);
        await node.BecomeAsync(web, other, Objects.Slice("s", "web", [node.Endpoint(1)]), Objects.Slice("o", "other", []));
        await node.AnswersAsync(node.From(3), "10.96.0.10:80", "1:8080");
        await node.AnswersAsync(node.From(3), "10.96.0.20:80", Answer.Refused);
        Assert.Equal("1:8080", (await datagrams.AskAsync()).Who);
    }
}
