using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.SoftTarget.Tests.Server;
using ACCOffload.SoftTarget.Tests.Support;
using Gnmi;
using static ACCOffload.SoftTarget.Tests.Support.Fields;

namespace ACCOffload.SoftTarget.Tests.Ports;

/// <summary>Ports of type TAP: the target creates the link, and serves it in whatever namespace it is moved to.</summary>
public sealed class TapTests
{
    private static readonly TestPipeline Pipeline = SmallPipelines.BigTable;

    [Fact]
    public async Task A_tap_is_created_moved_used_and_created_again()
    {
        Needs.Tap();
        using var wires = new Wires();
        await using var target = await TestTarget.StartAsync(Pipeline, o => o with { ServePorts = true, PortNamespace = wires.Path });
        await target.Client.Gnmi.SetAsync(Add("tap1"));
        await target.Client.WriteAsync(TargetClient.Insert(Pipeline.Entry("big", [Exact(1, 1)], Pipeline.Do("out_of", 1))));
        using var ports = NetNamespace.Open(wires.Path);
        using var links = RouteNetlink.Open(ports);

        for (var round = 0; round < 2; round++)
        {
            await UntilAsync(() => links.GetLink("tap1") is { Kind: "tun" }, "the link exists");
            var name = $"{Guid.NewGuid():N}"[..12];
            using (var pod = NetNamespace.CreateNamed(name))
            {
                links.MoveToNamespace(links.GetLink("tap1")!.Index, pod, "eth0");
                using var inside = RouteNetlink.Open(pod);
                inside.SetIPv6AddrGenModeNone(inside.GetLink("eth0")!.Index);
                inside.SetUp(inside.GetLink("eth0")!.Index);
                await UntilAsync(() => inside.GetLink("eth0")!.IsRunning, "the link runs");
                using var port = PacketPort.Open(pod, "eth0");
                using var batch = new PacketBatch();
                // The table sends every frame back to its input port.
                Assert.True(port.TrySend(Wires.Frame(1)));
                await UntilAsync(() => Enumerable.Range(0, port.Receive(batch)).Any(i => batch.Frame(i).SequenceEqual(Wires.Frame(1))),
                    "the frame comes back");
                NetNamespace.DeleteNamed(name);
            }
            // The link was deleted with its namespace; the port creates another one.
        }

        await UntilAsync(() => links.GetLink("tap1") is not null, "the link exists again");
        await target.Client.Gnmi.SetAsync(new SetRequest { Delete = { GnmiTests.PathOf("tap1") } });
        await UntilAsync(() => links.GetLink("tap1") is null, "the link is gone");
    }

    [Fact]
    public async Task A_tap_waits_until_its_name_is_free()
    {
        Needs.Tap();
        using var wires = new Wires();
        wires.Lay("tap1");
        using var ports = NetNamespace.Open(wires.Path);
        using var links = RouteNetlink.Open(ports);
        await using var target = await TestTarget.StartAsync(Pipeline, o => o with { ServePorts = true, PortNamespace = wires.Path });
        await target.Client.Gnmi.SetAsync(Add("tap1"));
        Assert.Equal("veth", links.GetLink("tap1")!.Kind);
        links.DeleteLink(links.GetLink("tap1")!.Index);
        await UntilAsync(() => links.GetLink("tap1") is { Kind: "tun" }, "the TAP exists");
    }

    private static SetRequest Add(string name)
    {
        var request = GnmiTests.Add(name);
        request.Update[0].Val = new TypedValue { StringVal = "TAP" };
        return request;
    }

    private static async Task UntilAsync(Func<bool> condition, string what)
    {
        var end = DateTime.UtcNow.AddSeconds(30);
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < end, $"not in time: {what}");
            await Task.Delay(10);
        }
    }
}
