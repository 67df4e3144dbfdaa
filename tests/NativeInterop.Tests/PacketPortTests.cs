using System.Buffers.Binary;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

public sealed class PacketPortTests
{
    [Fact]
    public void Packets_pass_through_a_veth_in_batches_and_unchanged()
    {
        Needs.Root();
        using var pair = new PortPair();
        using var sent = new PacketBatch(64);
        using var received = new PacketBatch(64);
        using var sender = pair.Near.CreateSender(16);
        var random = new Random(1);
        var expected = new List<byte[]>();
        for (var i = 0; i < 50; i++)
        {
            var frame = Frame(60 + random.Next(1400), (byte)i);
            expected.Add(frame);
            frame.CopyTo(sent.Buffer(i)[sent.Headroom..]);
            sent.SetFrame(i, sent.Headroom, frame.Length);
            sender.Add(sent, i);
        }
        Assert.Equal(2, sender.Count);
        Assert.Equal(2, sender.Flush());
        Assert.Equal((50, 0), (pair.Near.Sent, pair.Near.SendDropped));
        var got = new List<byte[]>();
        Wait.For(pair.Far.Handle, () =>
        {
            for (var count = pair.Far.Receive(received); count > 0; count = pair.Far.Receive(received))
            {
                for (var i = 0; i < count; i++)
                {
                    got.Add(received.Frame(i).ToArray());
                }
            }
            return got.Count >= 50;
        }, "50 packets");
        Assert.Equal(expected, got);
        Assert.Equal(50, pair.Far.Received);
        // A port does not receive what it sends.
        Assert.Equal(0, pair.Near.Receive(received));
    }

    [Fact]
    public void A_received_packet_is_forwarded_with_a_prepended_header()
    {
        Needs.Root();
        using var pair = new PortPair();
        using var batch = new PacketBatch();
        using var sender = pair.Far.CreateSender();
        var frame = Frame(100, 7);
        Assert.True(pair.Near.TrySend(frame));
        Wait.For(pair.Far.Handle, () => pair.Far.Receive(batch) == 1, "a packet");
        var outer = Frame(14, 9);
        outer.CopyTo(batch.Buffer(0)[(batch.Offset(0) - 14)..]);
        sender.Add(batch, 0, batch.Offset(0) - 14, batch.Length(0) + 14);
        Assert.Equal(1, sender.Flush());
        Wait.For(pair.Near.Handle, () => pair.Near.Receive(batch) == 1, "the packet");
        Assert.Equal([.. outer, .. frame], batch.Frame(0).ToArray());
    }

    [Fact]
    public void A_vlan_tag_stays_in_the_packet()
    {
        Needs.Root();
        using var pair = new PortPair();
        using var batch = new PacketBatch();
        var tagged = Frame(100, 1);
        BinaryPrimitives.WriteUInt16BigEndian(tagged.AsSpan(12), 0x8100);
        BinaryPrimitives.WriteUInt16BigEndian(tagged.AsSpan(14), 0x6064);
        BinaryPrimitives.WriteUInt16BigEndian(tagged.AsSpan(16), 0x0800);
        Assert.True(pair.Near.TrySend(tagged));
        Wait.For(pair.Far.Handle, () => pair.Far.Receive(batch) == 1, "a packet");
        Assert.Equal(tagged, batch.Frame(0).ToArray());
        BinaryPrimitives.WriteUInt16BigEndian(tagged.AsSpan(12), 0x88A8);
        Assert.True(pair.Near.TrySend(tagged));
        Wait.For(pair.Far.Handle, () => pair.Far.Receive(batch) == 1, "a packet");
        Assert.Equal(tagged, batch.Frame(0).ToArray());
    }

    [Fact]
    public void Packets_for_other_stations_are_received_too()
    {
        Needs.Root();
        using var pair = new PortPair();
        using var batch = new PacketBatch();
        var frame = Frame(60, 1);
        MacAddress.Parse("02:12:34:56:78:9a").CopyTo(frame);
        Assert.True(pair.Near.TrySend(frame));
        Wait.For(pair.Far.Handle, () => pair.Far.Receive(batch) == 1, "a packet");
        Assert.Equal(frame, batch.Frame(0).ToArray());
    }

    [Fact]
    public void A_packet_that_does_not_fit_is_dropped_and_counted_and_the_others_pass()
    {
        Needs.Root();
        using var pair = new PortPair();
        using var batch = new PacketBatch(frameSize: 512);
        foreach (var length in new[] { 100, 600, 200, 513, 512 })
        {
            Assert.True(pair.Near.TrySend(Frame(length, 1)));
        }

        var lengths = new List<int>();
        Wait.For(pair.Far.Handle, () =>
        {
            var count = pair.Far.Receive(batch);
            for (var i = 0; i < count; i++)
            {
                lengths.Add(batch.Length(i));
                Assert.Equal(Frame(batch.Length(i), 1), batch.Frame(i).ToArray());
            }
            return lengths.Count + pair.Far.Oversized == 5;
        }, "5 packets");
        Assert.Equal([100, 200, 512], lengths);
        Assert.Equal(2, pair.Far.Oversized);
    }

    [Fact]
    public void Packets_the_link_does_not_accept_are_dropped_and_counted()
    {
        Needs.Root();
        using var pair = new PortPair();
        using var batch = new PacketBatch();
        using var sender = pair.Near.CreateSender();
        Assert.False(pair.Near.TrySend(Frame(4000, 1)));
        foreach (var (slot, length) in new[] { (0, 100), (1, 3000), (2, 200), (3, 5), (4, 60) })
        {
            batch.SetFrame(slot, batch.Headroom, length);
            sender.Add(batch, slot);
        }
        Assert.Equal(3, sender.Flush());
        Assert.Equal((3, 3), (pair.Near.Sent, pair.Near.SendDropped));
    }

    [Fact]
    public void A_link_that_goes_down_and_up_needs_no_reopening()
    {
        Needs.Root();
        using var pair = new PortPair();
        using var batch = new PacketBatch();
        using var sender = pair.Far.CreateSender();
        Assert.Equal(PortLinkState.Up, pair.Far.State);
        pair.FarNs.Route.SetDown(pair.Far.InterfaceIndex);
        Wait.For(pair.Far.Handle, () => pair.Far.Receive(batch) == 0 && pair.Far.State == PortLinkState.Down, "the link to be down");
        sender.Add(batch, 0, batch.Headroom, 60);
        Assert.Equal(0, sender.Flush());
        Assert.Equal(1, pair.Far.SendDropped);
        pair.FarNs.Route.SetUp(pair.Far.InterfaceIndex);
        Assert.Equal(PortLinkState.Up, pair.Far.RefreshState());
        pair.NearNs.WaitUntilRunning("near");
        Assert.True(pair.Near.TrySend(Frame(60, 1)));
        Wait.For(pair.Far.Handle, () => pair.Far.Receive(batch) == 1, "a packet");
        Assert.Equal(PortLinkState.Up, pair.Far.State);
    }

    [Fact]
    public void A_deleted_link_is_noticed()
    {
        Needs.Root();
        using var pair = new PortPair();
        using var batch = new PacketBatch();
        pair.NearNs.Route.DeleteLink(pair.Near.InterfaceIndex);
        Wait.For(pair.Far.Handle, () => pair.Far.Receive(batch) == 0 && pair.Far.State == PortLinkState.Gone, "the link to be gone");
        Assert.False(pair.Far.TrySend(Frame(60, 1)));
        Assert.False(pair.Near.TrySend(Frame(60, 1)));
        Assert.Equal(PortLinkState.Gone, pair.Near.State);
    }

    [Fact]
    public void A_link_moved_to_another_namespace_is_reported_as_removed()
    {
        Needs.Root();
        using var pair = new PortPair();
        using var batch = new PacketBatch();
        pair.FarNs.Route.MoveToNamespace(pair.Far.InterfaceIndex, pair.NearNs.Ns, "moved");
        Wait.For(pair.Far.Handle, () => pair.Far.Receive(batch) == 0 && pair.Far.State == PortLinkState.Gone, "the link to be gone");
    }

    [Fact]
    public void A_link_that_is_down_can_be_opened()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        ns.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" });
        using var port = PacketPort.Open(ns.Ns, "x0");
        using var batch = new PacketBatch();
        Assert.Equal(PortLinkState.Down, port.State);
        Assert.Equal(0, port.Receive(batch));
    }

    [Fact]
    public void An_unknown_link_is_named_in_the_error()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        var e = Assert.Throws<LinuxException>(() => PacketPort.Open(ns.Ns, "nosuch0"));
        Assert.Equal(Errno.ENODEV, e.Errno);
        Assert.Contains("nosuch0", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Receiving_and_sending_allocate_nothing()
    {
        Needs.Root();
        using var pair = new PortPair();
        using var batch = new PacketBatch();
        using var sender = pair.Near.CreateSender();
        Pass();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            Pass();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Pass()
        {
            for (var slot = 0; slot < 8; slot++)
            {
                batch.SetFrame(slot, batch.Headroom, 60);
                sender.Add(batch, slot);
            }
            sender.Flush();
            pair.Far.Receive(batch);
        }
    }

    [Fact]
    public void A_closed_port_and_a_disposed_batch_throw()
    {
        Needs.Root();
        using var pair = new PortPair();
        var batch = new PacketBatch();
        pair.Near.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pair.Near.Receive(batch));
        Assert.Throws<ObjectDisposedException>(() => pair.Near.TrySend(new byte[60]));
        batch.Dispose();
        Assert.Throws<ObjectDisposedException>(() => batch.Frame(0).Length);
        Assert.Throws<ObjectDisposedException>(() => pair.Far.Receive(batch));
    }

    private static byte[] Frame(int length, byte seed)
    {
        var frame = new byte[length];
        for (var i = 0; i < length; i++)
        {
            frame[i] = (byte)(seed + i);
        }
        // A unicast destination, and an EtherType that no stack answers.
        frame[0] = 0x02;
        if (length >= 14)
        {
            (frame[12], frame[13]) = (0x88, 0xB5);
        }

        return frame;
    }

    /// <summary>Two ports at the ends of a veth pair, each in its own namespace.</summary>
    private sealed class PortPair : IDisposable
    {
        public PortPair()
        {
            var near = NearNs.Route.CreateVeth(new VethSpec { Name = "near", PeerName = "far", PeerNamespace = FarNs.Ns })!;
            NearNs.Route.SetIPv6AddrGenModeNone(near.Index);
            FarNs.Route.SetIPv6AddrGenModeNone(near.PeerIndex);
            NearNs.Route.SetUp(near.Index);
            FarNs.Route.SetUp(near.PeerIndex);
            NearNs.WaitUntilRunning("near");
            FarNs.WaitUntilRunning("far");
            Near = PacketPort.Open(NearNs.Ns, "near");
            Far = PacketPort.Open(FarNs.Ns, "far");
        }

        public TestNamespace NearNs { get; } = new();

        public TestNamespace FarNs { get; } = new();

        public PacketPort Near { get; }

        public PacketPort Far { get; }

        public void Dispose()
        {
            Near.Dispose();
            Far.Dispose();
            NearNs.Dispose();
            FarNs.Dispose();
        }
    }
}
