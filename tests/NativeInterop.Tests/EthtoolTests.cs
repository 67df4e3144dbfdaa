using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Ethtool;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.NativeInterop.Tests;

public sealed class EthtoolTests
{
    [Fact]
    public void All_offloads_of_a_veth_are_disabled()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        ns.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" });
        var before = ns.Ns.Run(() => EthtoolSettings.GetActiveFeatures("x0"));
        Assert.Contains("tx-checksum-ip-generic", before);
        EthtoolSettings.DisableOffloads(ns.Ns, "x0");
        var after = ns.Ns.Run(() => EthtoolSettings.GetActiveFeatures("x0"));
        Assert.DoesNotContain(
            after, name => name.Contains("checksum", StringComparison.Ordinal) && name.StartsWith("tx", StringComparison.Ordinal));
        Assert.DoesNotContain(after, name => name.Contains("segmentation", StringComparison.Ordinal));
        Assert.DoesNotContain(after, name => name.Contains("gro", StringComparison.Ordinal));
        // Repeating it is not an error.
        EthtoolSettings.DisableOffloads(ns.Ns, "x0");
        // From outside, through a socket that was opened inside.
        ns.Route.DisableOffloads("x1");
        Assert.Equal(after, ns.Ns.Run(() => EthtoolSettings.GetActiveFeatures("x1")));
        Assert.Equal(Errno.ENODEV, Assert.Throws<LinuxException>(() => ns.Route.DisableOffloads("nosuch0")).Errno);
    }

    [Fact]
    public void Queues_are_counted_and_too_many_are_rejected_with_the_limit()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        ns.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" });
        ns.Ns.Run(() =>
        {
            var now = EthtoolSettings.GetQueues("x0");
            Assert.InRange(now, 1, 1024);
            EthtoolSettings.SetQueues("x0", 1);
            Assert.Equal(1, EthtoolSettings.GetQueues("x0"));
            var e = Assert.Throws<LinuxException>(() => EthtoolSettings.SetQueues("x0", 1025));
            Assert.Equal(Errno.EINVAL, e.Errno);
            Assert.Contains("set 1025 queues on x0: the limit is ", e.Message, StringComparison.Ordinal);
            Assert.Equal(Errno.ENODEV, Assert.Throws<LinuxException>(() => EthtoolSettings.SetQueues("nosuch0", 1)).Errno);
        });
    }

    [Fact]
    public void An_unknown_link_is_named_in_the_error()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        var e = Assert.Throws<LinuxException>(() => EthtoolSettings.DisableOffloads(ns.Ns, "nosuch0"));
        Assert.Equal(Errno.ENODEV, e.Errno);
        Assert.Contains("nosuch0", e.Message, StringComparison.Ordinal);
    }

    /// <summary>A large UDP send of a local stack arrives at a port in packets of at most the MTU, each with a complete checksum.</summary>
    [Fact]
    public void Packets_of_a_local_stack_arrive_complete()
    {
        Needs.Root();
        using var pod = new TestNamespace();
        using var plane = new TestNamespace();
        var link = pod.Route.CreateVeth(new VethSpec { Name = "eth0", PeerName = "port0", PeerNamespace = plane.Ns })!;
        plane.Route.SetIPv6AddrGenModeNone(link.PeerIndex);
        pod.Route.SetIPv6AddrGenModeNone(link.Index);
        plane.Route.SetUp(link.PeerIndex);
        pod.Route.SetUp(link.Index);
        EthtoolSettings.DisableOffloads(pod.Ns, "eth0");
        var address = IPAddress.Parse("10.244.1.7");
        var target = IPAddress.Parse("10.244.1.8");
        pod.Route.AddAddress(link.Index, address, 24);
        pod.AddNeighbour(link.Index, target, MacAddress.Parse("02:00:00:00:00:08"));
        pod.WaitUntilRunning("eth0");
        using var port = PacketPort.Open(plane.Ns, "port0");
        using var batch = new PacketBatch();
        using var socket = pod.Ns.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        // UDP_SEGMENT: split one send into 10 datagrams of 1000 bytes, which would otherwise be left to the hardware.
        socket.SetRawSocketOption(17, 103, BitConverter.GetBytes(1000));
        socket.SendTo(new byte[10_000], new IPEndPoint(target, 9));
        var lengths = new List<int>();
        Wait.For(port.Handle, () =>
        {
            var count = port.Receive(batch);
            for (var i = 0; i < count; i++)
            {
                var frame = batch.Frame(i);
                if (frame.Length < 42 || frame[12] != 8 || frame[13] != 0)
                {
                    continue;
                }

                lengths.Add(frame.Length);
                var datagram = new Frame(frame.ToArray());
                Assert.NotEqual(0, datagram.UdpChecksum);
                Checksums.AssertCorrect(datagram);
            }
            return lengths.Count >= 10;
        }, "10 datagrams");
        Assert.All(lengths, length => Assert.Equal(14 + 20 + 8 + 1000, length));
        Assert.Equal(0, port.PartialChecksums);
    }
}
