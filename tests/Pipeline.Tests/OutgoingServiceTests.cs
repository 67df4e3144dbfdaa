using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>The source that a service's backend outside the cluster sees: the same as other destinations there (natOutgoing).</summary>
public sealed class OutgoingServiceTests : IDisposable
{
    private const byte Pool = 1;
    private const byte OwnPool = 2;
    private const uint External = 0x08080808;
    private const uint RemotePod = 0x0AF40205;

    private readonly Node _node = new();
    private readonly uint _pod;

    public OutgoingServiceTests()
    {
        _pod = _node.AddPod(1);
        _node.Put("pools", "pool_ports", [Pool], Node.Address, 50000, 0x400, 0x3FF);
        _node.Put("pools", "pool_ports", [OwnPool], Node.Address, 60000, 0x400, 0x3FF);
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        _node.PutPrefix("outgoing", "keep_source", [0x0AF40000], 16);
    }

    public void Dispose() => _node.Dispose();

    private static void AssertMasqueraded(Frame frame, int first = 50000)
    {
        Assert.Equal(Node.Address, frame.Source);
        Assert.InRange(frame.SourcePort, first, first + 0x3FF);
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    public void A_backend_outside_the_cluster_sees_the_node(byte protocol)
    {
        var service = new Service(_node, protocol).Backend(1, External).Fill(1).Frontend(Service.Address, 80);
        var seen = _node.Pass(1, service.To(_pod, 5000), Node.UplinkPort);
        AssertMasqueraded(seen);
        Assert.Equal((External, 8080), (seen.Destination, seen.DestinationPort));
        var back = _node.Pass(Node.UplinkPort, Service.Answer(seen, Frame.Syn | Frame.Ack), 1);
        Assert.Equal($"{Frame.Text(Service.Address)}:80 > {Frame.Text(_pod)}:5000", back.Path);
        // Later packets, also if the prefix is kept meanwhile.
        Assert.Equal(seen.Path, _node.Pass(1, service.To(_pod, 5000, Frame.Ack), Node.UplinkPort).Path);
        _node.PutPrefix("outgoing", "keep_source", [0x08000000], 8);
        Assert.Equal(seen.Path, _node.Pass(1, service.To(_pod, 5000, Frame.Ack), Node.UplinkPort).Path);
        Assert.Equal(_pod, _node.Pass(1, service.To(_pod, 5001), Node.UplinkPort).Source);
        Assert.Equal(4ul, _node.Counted("services", "service_packets", 0, Service.Address, 80, protocol));
        Assert.Equal(4ul, _node.Counted("backends", "backend_packets", 1));
    }

    [Fact]
    public void SCTP_keeps_its_port()
    {
        var service = new Service(_node, Frame.Sctp).Backend(1, External, 80).Fill(1).Frontend(Service.Address, 80);
        var seen = _node.Pass(1, service.To(_pod, 5000), Node.UplinkPort);
        Assert.Equal((Node.Address, 5000, External), (seen.Source, seen.SourcePort, seen.Destination));
        Assert.Equal(_pod, _node.Pass(Node.UplinkPort, Service.Answer(seen), 1).Destination);
    }

    [Fact]
    public void Backends_in_the_cluster_see_the_pod()
    {
        _node.AddPod(2);
        // In a kept prefix; the host; a pod of this node outside the kept prefixes.
        AssertKept(1, RemotePod, Node.UplinkPort);
        AssertKept(2, Node.PodAddress(2), 2);
        AssertKept(3, Node.Address, Node.HostPort);
        _node.PutPrefix("outgoing", "masquerade_source", [0x0AF40000], 16, Pool);
        AssertKept(4, Node.PodAddress(2), 2);
        // A pod that is its own backend sees the gateway as before.
        var own = new Service(_node, set: 5).Backend(5, _pod).Fill(5).Frontend(Service.Address, 85);
        Assert.Equal(Node.Gateway, _node.Pass(1, own.To(_pod, 5000, port: 85), 1).Source);

        void AssertKept(uint id, uint address, uint port)
        {
            var service = new Service(_node, set: id).Backend(id, address).Fill(id).Frontend(Service.Address, (ushort)(80 + id));
            var seen = _node.Pass(1, service.To(_pod, (ushort)(5000 + id), port: (ushort)(80 + id)), port);
            Assert.Equal((_pod, 5000 + id, address, Node.GatewayMac), (seen.Source, seen.SourcePort, seen.Destination, seen.SourceMac));
        }
    }

    [Fact]
    public void Other_clients_keep_their_source_and_a_service_its_own_pool()
    {
        var service = new Service(_node).Backend(1, External).Fill(1).Frontend(Service.Address, 80)
            .Frontend(Service.Address, 80, outside: true);
        Assert.Equal(Node.Address, _node.Pass(Node.HostPort, service.To(Node.Address, 5000), Node.UplinkPort).Source);
        Assert.Equal(0x09090909u, _node.Pass(Node.UplinkPort, service.To(0x09090909, 5000), Node.UplinkPort).Source);
        new Service(_node, set: 2) { Pool = OwnPool }.Backend(2, External).Fill(2).Frontend(Service.Address, 81);
        AssertMasqueraded(_node.Pass(1, service.To(_pod, 5000, port: 81), Node.UplinkPort), 60000);
    }

    [Fact]
    public void A_flow_that_moves_is_masqueraded_by_its_new_backend()
    {
        _node.AddPod(2);
        var service = new Service(_node, Frame.Udp).Backend(1, Node.PodAddress(2)).Backend(2, External).Fill(1).Succeed(2)
            .Frontend(Service.Address, 80);
        Assert.Equal(_pod, _node.Pass(1, service.To(_pod, 5000), 2).Source);
        service.Detach(1);
        var seen = _node.Pass(1, service.To(_pod, 5000), Node.UplinkPort);
        AssertMasqueraded(seen);
        Assert.Equal(seen.Path, _node.Pass(1, service.To(_pod, 5000), Node.UplinkPort).Path);
        var back = _node.Pass(Node.UplinkPort, Service.Answer(seen), 1);
        Assert.Equal($"{Frame.Text(Service.Address)}:80 > {Frame.Text(_pod)}:5000", back.Path);

        // And the other way.
        var other = new Service(_node, Frame.Udp, set: 3).Backend(3, External).Backend(4, Node.PodAddress(2)).Fill(3).Succeed(4)
            .Frontend(Service.Address, 83);
        AssertMasqueraded(_node.Pass(1, other.To(_pod, 6000, port: 83), Node.UplinkPort));
        other.Detach(3);
        Assert.Equal((_pod, 6000), Source(_node.Pass(1, other.To(_pod, 6000, port: 83), 2)));
        Assert.Equal((_pod, 6000), Source(_node.Pass(1, other.To(_pod, 6000, port: 83), 2)));

        static (uint, int) Source(Frame frame) => (frame.Source, frame.SourcePort);
    }

    [Fact]
    public void Affinity_is_kept_for_masqueraded_flows()
    {
        _node.Put("clock", "show_time", [0], 1000);
        var service = new Service(_node) { Affinity = 6, MaxAge = 60_000 }.Backend(1, External).Backend(2, External + 1).Fill(1, 2)
            .Frontend(Service.Address, 80);
        var first = _node.Pass(1, service.To(_pod, 5000), Node.UplinkPort);
        AssertMasqueraded(first);
        for (ushort port = 5001; port < 5020; port++)
        {
            var seen = _node.Pass(1, service.To(_pod, port), Node.UplinkPort);
            AssertMasqueraded(seen);
            Assert.Equal(first.Destination, seen.Destination);
        }
    }

    [Fact]
    public void Errors_and_fragments_are_translated()
    {
        var service = new Service(_node, Frame.Udp).Backend(1, External).Fill(1).Frontend(Service.Address, 80);
        var sent = service.To(_pod, 5000, payload: "payload"u8);
        var copy = new Frame([.. sent.Bytes]);
        var seen = _node.Pass(1, sent, Node.UplinkPort);
        var error = _node.Pass(Node.UplinkPort, Frame.Error(3, 3, External, seen), 1);
        Assert.Equal((Service.Address, _pod), (error.Source, error.Destination));
        Assert.Equal((_pod, 5000, Service.Address, 80),
            (error.Quoted.Source, error.Quoted.SourcePort, error.Quoted.Destination, error.Quoted.DestinationPort));
        Assert.Equal(copy.UdpChecksum, error.Quoted.UdpChecksum);

        var pieces = service.To(_pod, 5000, payload: new byte[3000]).Fragments(1400, 9);
        var whole = Frame.Reassemble([.. pieces.Select(p => _node.Pass(1, p, Node.UplinkPort))]);
        Assert.Equal(seen.Path, whole.Path);
        Checksums.AssertCorrect(whole);
    }

    [Fact]
    public void Without_a_port_or_a_pool_the_flow_is_dropped()
    {
        _node.Put("pools", "pool_ports", [Pool], Node.Address, 50000, 1, 0);
        var service = new Service(_node).Backend(1, External).Fill(1).Frontend(Service.Address, 80);
        AssertMasqueraded(_node.Pass(1, service.To(_pod, 5000), Node.UplinkPort));
        Assert.Null(_node.Send(1, service.To(_pod, 5001)));
        _node.Remove("pools", Pool);
        Assert.Null(_node.Send(1, service.To(_pod, 5002)));
        Assert.Equal(2ul, _node.Drops(DropReason.Masquerade));
    }
}
