using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

public sealed class TapTests
{
    private const string Name = "tap0";

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Frames_pass_unchanged_in_both_directions(bool multiQueue, bool vnetHeader)
    {
        Needs.Tap();
        using var ns = new TestNamespace();
        using var tap = PacketPort.OpenTap(ns.Ns, Name, new TapOptions { MultiQueue = multiQueue, VnetHeader = vnetHeader });
        var link = ns.Route.GetLink(Name)!;
        Assert.Equal("tun", link.Kind);
        ns.Route.SetIPv6AddrGenModeNone(link.Index);
        ns.Route.SetUp(link.Index);
        ns.WaitUntilRunning(Name);
        using var other = PacketPort.Open(ns.Ns, Name);
        using var batch = new PacketBatch();

        var frames = Enumerable.Range(0, 40).Select(i => Frame(60 + (i * 30), (byte)i)).ToArray();
        foreach (var frame in frames)
        {
            Assert.True(other.TrySend(frame));
        }

        Assert.Equal(frames, Collect(tap, batch, frames.Length));

        using var sender = tap.CreateSender(16);
        for (var i = 0; i < frames.Length; i++)
        {
            frames[i].CopyTo(batch.Buffer(i)[batch.Headroom..]);
            batch.SetFrame(i, batch.Headroom, frames[i].Length);
            sender.Add(batch, i);
        }
        _ = sender.Flush();
        Assert.Equal((40, 0), (tap.Sent, tap.SendDropped));
        Assert.Equal(frames, Collect(other, batch, frames.Length));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Only_a_frame_that_does_not_fit_is_dropped_and_counted(bool vnetHeader)
    {
        Needs.Tap();
        using var ns = new TestNamespace();
        using var tap = PacketPort.OpenTap(ns.Ns, Name, new TapOptions { VnetHeader = vnetHeader });
        var link = ns.Route.GetLink(Name)!;
        ns.Route.SetIPv6AddrGenModeNone(link.Index);
        ns.Route.SetUp(link.Index);
        ns.WaitUntilRunning(Name);
        using var other = PacketPort.Open(ns.Ns, Name);
        using var batch = new PacketBatch(capacity: 2, frameSize: 512);
        foreach (var length in new[] { 511, 513, 512, 600, 100 })
        {
            Assert.True(other.TrySend(Frame(length, 1)));
        }

        Assert.Equal([Frame(511, 1), Frame(512, 1), Frame(100, 1)], Collect(tap, batch, 3));
        Assert.Equal(2, tap.Oversized);
    }

    [Fact]
    public void The_link_works_in_another_namespace_and_is_deleted_with_it()
    {
        Needs.Tap();
        using var home = new TestNamespace();
        using var tap = PacketPort.OpenTap(home.Ns, Name);
        using (var pod = new TestNamespace())
        {
            home.Route.MoveToNamespace(home.Route.GetLink(Name)!.Index, pod.Ns, "eth0");
            var link = pod.Route.GetLink("eth0")!;
            pod.Route.SetIPv6AddrGenModeNone(link.Index);
            pod.Route.SetUp(link.Index);
            pod.WaitUntilRunning("eth0");
            using var other = PacketPort.Open(pod.Ns, "eth0");
            using var batch = new PacketBatch();
            Assert.True(other.TrySend(Frame(60, 1)));
            Assert.Equal([Frame(60, 1)], Collect(tap, batch, 1));
            Assert.Equal(PortLinkState.Up, tap.RefreshState());
        }

        using var rest = new PacketBatch();
        Wait.For(tap.Handle, () => tap.Receive(rest) == 0 && tap.RefreshState() == PortLinkState.Gone, "the TAP's end");
        Assert.False(tap.TrySend(Frame(60, 1)));
    }

    [Fact]
    public void A_temporary_link_is_deleted_with_its_owner_and_a_persistent_one_can_be_reopened()
    {
        Needs.Tap();
        using var ns = new TestNamespace();
        PacketPort.OpenTap(ns.Ns, Name).Dispose();
        Assert.Null(ns.Route.GetLink(Name));
        PacketPort.OpenTap(ns.Ns, Name, new TapOptions { Persistent = true }).Dispose();
        var link = ns.Route.GetLink(Name)!;
        using var again = PacketPort.OpenTap(ns.Ns, Name, new TapOptions { Persistent = true });
        Assert.Equal(link.Index, again.InterfaceIndex);
        Assert.Equal(Errno.EBUSY, Assert.Throws<LinuxException>(() => PacketPort.OpenTap(ns.Ns, Name)).Errno);
    }

    [Fact]
    public void Queues_are_opened_one_by_one_if_all_are_multi_queue()
    {
        Needs.Tap();
        using var ns = new TestNamespace();
        using var first = PacketPort.OpenTap(ns.Ns, Name, new TapOptions { MultiQueue = true });
        using var second = PacketPort.OpenTap(ns.Ns, Name, new TapOptions { MultiQueue = true });
        Assert.Equal(first.InterfaceIndex, second.InterfaceIndex);
    }

    [Fact]
    public void A_link_of_another_kind_is_rejected()
    {
        Needs.Tap();
        using var ns = new TestNamespace();
        ns.Route.CreateVeth(new VethSpec { Name = Name, PeerName = "peer" });
        Assert.Equal(Errno.EINVAL, Assert.Throws<LinuxException>(() => PacketPort.OpenTap(ns.Ns, Name)).Errno);
    }

    private static List<byte[]> Collect(PacketPort port, PacketBatch batch, int count)
    {
        var got = new List<byte[]>();
        Wait.For(port.Handle, () =>
        {
            for (var some = port.Receive(batch); some > 0; some = port.Receive(batch))
            {
                for (var i = 0; i < some; i++)
                {
                    got.Add(batch.Frame(i).ToArray());
                }
            }
            return got.Count >= count;
        }, $"{count} packets");
        return got;
    }

    private static byte[] Frame(int length, byte mark)
    {
        var frame = new byte[length];
        frame.AsSpan().Fill(mark);
        MacAddress.Parse("02:00:00:00:00:02").CopyTo(frame);
        MacAddress.Parse("02:00:00:00:00:01").CopyTo(frame.AsSpan(6));
        // An EtherType for experiments (IEEE 802).
        (frame[12], frame[13]) = (0x88, 0xb5);
        return frame;
    }
}
