using ACCOffload.SoftTarget.Tests.Server;
using ACCOffload.SoftTarget.Tests.Support;
using Gnmi;
using P4.V1;
using static ACCOffload.SoftTarget.Tests.Support.Fields;

namespace ACCOffload.SoftTarget.Tests.Ports;

/// <summary>Real frames over veth pairs, through a small pipeline.</summary>
public sealed class PortTests
{
    private static readonly TestPipeline Pipeline = SmallPipelines.BigTable;

    private static TableEntry Forward(ulong from, ulong to) => Pipeline.Entry("big", [Exact(1, from)], Pipeline.Do("out_of", to));

    internal static async Task<TestTarget> StartAsync(Wires wires, params string[] ports)
    {
        var target = await TestTarget.StartAsync(Pipeline, o => o with { ServePorts = true, PortNamespace = wires.Path });
        foreach (var port in ports)
        {
            await target.Client.Gnmi.SetAsync(GnmiTests.Add(port));
        }

        foreach (var port in ports)
        {
            await BoundAsync(target, port);
        }

        return target;
    }

    private static async Task<Dictionary<string, TypedValue>> StateAsync(TestTarget target, string port)
    {
        var response = await target.Client.Gnmi.GetAsync(new GetRequest { Path = { GnmiTests.PathOf(port, "state") } });
        return response.Notification.Single().Update.ToDictionary(u => u.Path.Elem[^1].Name, u => u.Val);
    }

    private static async Task BoundAsync(TestTarget target, string port, bool bound = true)
    {
        var end = DateTime.UtcNow.AddSeconds(20);
        while ((await StateAsync(target, port))["oper-status"].StringVal != (bound ? "UP" : "DOWN"))
        {
            Assert.True(DateTime.UtcNow < end, $"port {port} does not become {(bound ? "bound" : "unbound")}");
        }
    }

    [Fact]
    public async Task Frames_follow_the_table_and_changes_apply_at_once()
    {
        Needs.Root();
        using var wires = new Wires();
        wires.Lay("a");
        wires.Lay("b");
        wires.Lay("c");
        await using var target = await StartAsync(wires, "a", "b", "c");
        await target.Client.WriteAsync(TargetClient.Insert(Forward(1, 2)));
        wires.Send("a", Wires.Frame(1, 1514));
        Assert.Equal(Wires.Frame(1, 1514), wires.Receive("b"));
        await target.Client.WriteAsync(TargetClient.Modify(Forward(1, 3)));
        wires.Send("a", Wires.Frame(2));
        Assert.Equal(Wires.Frame(2), wires.Receive("c"));
        await target.Client.WriteAsync(TargetClient.Delete(Forward(1, 3)));
        wires.Send("a", Wires.Frame(3));
        // Insert the row again only after this frame was looked up without one.
        var end = DateTime.UtcNow.AddSeconds(20);
        while ((await StateAsync(target, "a"))["in-pkts"].UintVal < 3)
        {
            Assert.True(DateTime.UtcNow < end, "frame 3 did not arrive");
        }

        await target.Client.WriteAsync(TargetClient.Insert(Forward(1, 2)));
        wires.Send("a", Wires.Frame(4));
        Assert.Equal(Wires.Frame(4), wires.Receive("b"));
        var a = await StateAsync(target, "a");
        Assert.True(a["in-pkts"].UintVal >= 4);
        Assert.True(a["in-octets"].UintVal >= 1514 + (3 * 60));
        var b = await StateAsync(target, "b");
        Assert.Equal(2u, b["out-pkts"].UintVal);
        Assert.Equal(1514u + 60, b["out-octets"].UintVal);
    }

    [Fact]
    public async Task One_changed_rule_of_the_spec_changes_the_forwarding()
    {
        Needs.Root();
        using var wires = new Wires();
        wires.Lay("a");
        wires.Lay("b");
        foreach (var (rule, expected) in new[] { ("mov m.output_port t.port", "b"), ("mov m.output_port 0x1", "a") })
        {
            var changed = TestPipeline.Of(Pipeline.Info, Pipeline.Spec.Replace("mov m.output_port t.port", rule, StringComparison.Ordinal));
            await using var target = await TestTarget.StartAsync(changed, o => o with { ServePorts = true, PortNamespace = wires.Path });
            await target.Client.Gnmi.SetAsync(GnmiTests.Add("a"));
            await target.Client.Gnmi.SetAsync(GnmiTests.Add("b"));
            await BoundAsync(target, "a");
            await BoundAsync(target, "b");
            await target.Client.WriteAsync(TargetClient.Insert(Forward(1, 2)));
            wires.Send("a", Wires.Frame(7));
            Assert.Equal(Wires.Frame(7), wires.Receive(expected));
        }
    }

    [Fact]
    public async Task A_port_waits_for_its_link_and_is_bound_again_when_the_link_returns()
    {
        Needs.Root();
        using var wires = new Wires();
        wires.Lay("b");
        await using var target = await StartAsync(wires, "b");
        await target.Client.Gnmi.SetAsync(GnmiTests.Add("a"));
        await target.Client.WriteAsync(TargetClient.Insert(Forward(1, 2)), TargetClient.Insert(Forward(2, 1)));
        await BoundAsync(target, "a", bound: false);
        wires.Send("b", Wires.Frame(1));
        for (byte round = 2; round < 5; round++)
        {
            wires.Lay("a");
            await BoundAsync(target, "a");
            wires.Send("a", Wires.Frame(round));
            Assert.Equal(Wires.Frame(round), wires.Receive("b"));
            wires.Send("b", Wires.Frame(round));
            Assert.Equal(Wires.Frame(round), wires.Receive("a"));
            wires.Cut("a");
            await BoundAsync(target, "a", bound: false);
        }
    }

    [Fact]
    public async Task The_largest_packet_passes_with_its_Ethernet_header()
    {
        Needs.Root();
        using var wires = new Wires();
        wires.Lay("a", 9216);
        wires.Lay("b", 9216);
        await using var target = await StartAsync(wires, "a", "b");
        await target.Client.WriteAsync(TargetClient.Insert(Forward(1, 2)));
        wires.Send("a", Wires.Frame(1, 9216 + 14));
        Assert.Equal(Wires.Frame(1, 9216 + 14), wires.Receive("b"));
    }

    [Fact]
    public async Task A_renamed_link_belongs_to_a_different_port()
    {
        Needs.Root();
        using var wires = new Wires();
        wires.Lay("a");
        await using var target = await StartAsync(wires, "a");
        await target.Client.Gnmi.SetAsync(GnmiTests.Add("z"));
        wires.Rename("a", "z");
        await BoundAsync(target, "z");
        await BoundAsync(target, "a", bound: false);
    }

    [Fact]
    public async Task The_namespace_may_appear_later_and_reappear()
    {
        Needs.Root();
        using var wires = new Wires(createNear: false);
        await using var target = await TestTarget.StartAsync(Pipeline, o => o with { ServePorts = true, PortNamespace = wires.Path });
        await target.Client.Gnmi.SetAsync(GnmiTests.Add("a"));
        await target.Client.WriteAsync(TargetClient.Insert(Forward(1, 1)));
        for (byte round = 1; round < 3; round++)
        {
            wires.CreateNear();
            wires.Lay("a");
            await BoundAsync(target, "a");
            wires.Send("a", Wires.Frame(round));
            Assert.Equal(Wires.Frame(round), wires.Receive("a"));
            wires.DeleteNear();
            await BoundAsync(target, "a", bound: false);

            // The target holds nothing of the old namespace: the kernel deletes it together with the link.
            wires.WaitForCut("a");
        }
    }

    [Fact]
    public async Task A_removed_port_forwards_no_more_frames()
    {
        Needs.Root();
        using var wires = new Wires();
        wires.Lay("a");
        wires.Lay("b");
        await using var target = await StartAsync(wires, "a", "b");
        await target.Client.WriteAsync(TargetClient.Insert(Forward(1, 2)), TargetClient.Insert(Forward(2, 2)));
        await target.Client.Gnmi.SetAsync(new SetRequest { Delete = { GnmiTests.PathOf("a") } });
        // When the Set is answered, the data plane has released the port.
        wires.Send("a", Wires.Frame(1));
        Assert.Null(wires.Receive("b", TimeSpan.FromMilliseconds(300)));
        await target.Client.Gnmi.SetAsync(GnmiTests.Add("a"));
        await BoundAsync(target, "a");
        await target.Client.WriteAsync(TargetClient.Insert(Forward(3, 2)));
        wires.Send("a", Wires.Frame(2));
        Assert.Equal(Wires.Frame(2), wires.Receive("b"));
    }

    [Fact]
    public async Task Frames_to_and_from_the_controller()
    {
        Needs.Root();
        using var wires = new Wires();
        wires.Lay("a");
        await using var target = await TestTarget.StartAsync(o => o with { ServePorts = true, PortNamespace = wires.Path });
        var controller = await target.Client.BecomePrimaryAsync();
        await target.Client.PushAsync(SmallPipelines.PacketIo.Config());
        await target.Client.Gnmi.SetAsync(GnmiTests.Add("a"));
        await BoundAsync(target, "a");
        wires.Send("a", Wires.Frame(9));
        PacketIn packet;
        do
        {
            packet = (await controller.NextAsync()).Packet;
        }
        while (packet.Payload.Length < 14 || packet.Payload[12] != 0x88);
        Assert.Equal(Wires.Frame(9), packet.Payload.ToByteArray());
        Assert.Equal(Number(1), packet.Metadata[0].Value);
        await controller.SendAsync(new StreamMessageRequest
        {
            Packet = new PacketOut
            {
                Payload = Bytes(Wires.Frame(8)),
                Metadata = { new PacketMetadata { MetadataId = 1, Value = Number(1) } },
            },
        });
        Assert.Equal(Wires.Frame(8), wires.Receive("a"));
    }
}
