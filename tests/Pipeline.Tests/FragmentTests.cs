using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>Fragments of translated packets follow the first fragment.</summary>
public sealed class FragmentTests : IDisposable
{
    private const byte Pool = 1;
    private const uint External = 0x08080808;
    private const int Size = 1480;
    private static readonly byte[] Large = [.. Enumerable.Range(0, 4000).Select(i => (byte)(i * 7))];

    private readonly Node _node = new();
    private readonly uint _client;
    private readonly uint _backend;
    private ushort _identification = 100;

    public FragmentTests()
    {
        (_client, _backend) = (_node.AddPod(1), _node.AddPod(2));
        _node.Put("pools", "pool_ports", [Pool], Node.Address, 50000, 0x400, 0x3FF);
    }

    public void Dispose() => _node.Dispose();

    // Sends all fragments and reassembles them at the receiver.
    private Frame PassAll(uint port, Frame frame, uint expectedPort)
    {
        var whole = Frame.Reassemble([.. frame.Fragments(Size, ++_identification).Select(f => _node.Pass(port, f, expectedPort))]);
        Checksums.AssertCorrect(whole);
        return whole;
    }

    private Service ServiceOf(byte protocol, byte pool = 0)
        => new Service(_node, protocol) { Pool = pool }.Backend(1, _backend).Fill(1).Frontend(Service.Address, 80);

    [Theory]
    [InlineData(Frame.Udp, 0)]
    [InlineData(Frame.Udp, Pool)]
    [InlineData(Frame.Tcp, Pool)]
    public void Fragmented_requests_and_replies_of_a_service_arrive(byte protocol, byte pool)
    {
        var service = ServiceOf(protocol, pool);
        if (protocol == Frame.Tcp)
        {
            _node.Pass(1, service.To(_client, 5000), 2);
        }

        var seen = PassAll(1, service.To(_client, 5000, Frame.Ack, payload: Large), 2);
        Assert.Equal((_backend, 8080), (seen.Destination, seen.DestinationPort));
        Assert.Equal(Large, seen.Payload.ToArray());
        var answer = PassAll(2, Service.Answer(seen, payload: Large), 1);
        Assert.Equal($"{Frame.Text(Service.Address)}:80 > {Frame.Text(_client)}:5000", answer.Path);
        Assert.Equal(Large, answer.Payload.ToArray());
    }

    [Theory]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Tcp)]
    public void Masqueraded_fragments_arrive(byte protocol)
    {
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        var seen = PassAll(1, Frame.Build(protocol, _client, 5000, External, 53, Large), Node.UplinkPort);
        Assert.Equal(Node.Address, seen.Source);
        var answer = PassAll(Node.UplinkPort, Service.Answer(seen, payload: Large), 1);
        Assert.Equal($"{Frame.Text(External)}:53 > {Frame.Text(_client)}:5000", answer.Path);
    }

    [Fact]
    public void All_fragments_of_a_large_echo_are_masqueraded()
    {
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        _node.PutPrefix("outgoing", "keep_source", [0x0AF40000], 16);
        foreach (var identifier in new ushort[] { 77, 0 })
        {
            var ping = PassAll(1, Frame.Echo(_client, External, identifier, payload: Large), Node.UplinkPort);
            Assert.Equal(Node.Address, ping.Source);
            var answer = PassAll(Node.UplinkPort, Frame.Echo(External, Node.Address, ping.Identifier, reply: true, Large), 1);
            Assert.Equal((_client, identifier), (answer.Destination, answer.Identifier));
        }
    }

    [Fact]
    public void Untranslated_fragments_are_routed_in_any_order()
    {
        var pieces = Frame.Build(Frame.Udp, _client, 5000, _backend, 9999, Large).Fragments(Size, 7);
        foreach (var piece in pieces.Reverse())
        {
            Assert.Equal(Convert.ToHexString(piece.Ip[20..]), Convert.ToHexString(_node.Pass(1, piece, 2).Ip[20..]));
        }

        Assert.Equal(0, _node.Learned("fragments"));
    }

    [Fact]
    public void A_later_fragment_that_arrives_before_the_first_is_dropped()
    {
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        _node.PutPrefix("outgoing", "keep_source", [0x0AF40000], 16);
        var pieces = Frame.Build(Frame.Udp, _client, 5000, External, 53, Large).Fragments(Size, 7);
        Assert.Null(_node.Send(1, pieces[1]));
        Assert.Equal(1ul, _node.Drops(DropReason.ServiceFragment));
        _node.Pass(1, pieces[0], Node.UplinkPort);
        _node.Pass(1, pieces[2], Node.UplinkPort);
        // The first fragment is forgotten after 30 seconds.
        _node.Time.Advance(TimeSpan.FromSeconds(31));
        Assert.Null(_node.Send(1, pieces[2]));
        Assert.Equal(2ul, _node.Drops(DropReason.ServiceFragment));
    }

    [Fact]
    public void Packets_with_the_same_identification_are_not_mixed_up()
    {
        // Two flows between the same hosts: the whole second packet is lost, so that its tail does not reach the first flow's backend.
        var service = ServiceOf(Frame.Udp);
        var other = new Service(_node, Frame.Udp, set: 2).Backend(2, _node.AddPod(3)).Fill(2).Frontend(Service.Address, 81);
        var one = service.To(_client, 5000, payload: Large).Fragments(Size, 7);
        var two = other.To(_client, 5000, port: 81, payload: Large).Fragments(Size, 7);
        _node.Pass(1, one[0], 2);
        Assert.Null(_node.Send(1, two[0]));
        Assert.Equal(1ul, _node.Drops(DropReason.ServiceFragment));
        _node.Pass(1, one[1], 2);
        // The same flow may reuse the identification immediately, the other one after 30 seconds.
        _node.Pass(1, one[0], 2);
        _node.Time.Advance(TimeSpan.FromSeconds(31));
        foreach (var piece in two)
        {
            _node.Pass(1, piece, 3);
        }
    }

    [Fact]
    public void Fragments_to_a_service_without_backends_are_dropped()
    {
        // Only the first fragment is rejected with an error; later ones carry no header to quote.
        var service = new Service(_node, Frame.Udp);
        _node.Put("services", "refuse", [0, Service.Address, 80, Frame.Udp], 80, 0);
        var pieces = service.To(_client, 5000, payload: Large).Fragments(Size, 7);
        Assert.Equal(Frame.Icmp, _node.Pass(1, pieces[0], 1).Protocol);
        Assert.Equal(0, _node.Learned("fragments"));
        // The service had a backend when the first fragment arrived.
        service.Backend(1, _backend).Fill(1).Frontend(Service.Address, 80);
        _node.Pass(1, pieces[0], 2);
        _node.Put("services", "refuse", [0, Service.Address, 80, Frame.Udp], 80, 0);
        service.Detach(1);
        Assert.Null(_node.Send(1, pieces[1]));
        Assert.Equal(1ul, _node.Drops(DropReason.ServiceFragment));
    }

    [Theory]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Sctp)]
    [InlineData(47)]
    public void A_first_fragment_without_the_whole_layer_4_header_is_dropped(byte protocol)
    {
        // RFC 1858. Dropped for any destination: no link produces fragments this small.
        var packet = Frame.Build(protocol, _client, 5000, _backend, 80, Large);
        for (var size = 8; size < 44; size += 8)
        {
            Assert.Null(_node.Send(1, packet.Fragments(size, 7)[0]));
        }

        Assert.Equal(5ul, _node.Drops(DropReason.TinyFragment));
        _node.Pass(1, packet.Fragments(48, 7)[0], 2);
    }

    [Theory]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Tcp)]
    public void A_fragment_that_overlaps_the_layer_4_header_is_dropped(byte protocol)
    {
        // RFC 3128.
        var pieces = Frame.Build(protocol, _client, 5000, _backend, 80, Large).Fragments(8, 7);
        for (var i = 1; i < 6; i++)
        {
            Assert.Null(_node.Send(1, pieces[i]));
        }

        Assert.Equal(5ul, _node.Drops(DropReason.OverlappingFragment));
        _node.Pass(1, pieces[6], 2);
    }

    [Fact]
    public void A_fragmented_error_is_not_translated()
    {
        var service = ServiceOf(Frame.Udp);
        var seen = _node.Pass(1, service.To(_client, 5000, payload: new byte[1000]), 2);
        var first = Frame.Error(3, 3, _backend, seen, quoted: 500).Fragments(160, 7)[0];
        Assert.Equal(Convert.ToHexString(first.Ip[20..]), Convert.ToHexString(_node.Pass(2, first, 1).Ip[20..]));
        Assert.Equal(0, _node.Learned("fragments"));
    }

    [Fact]
    public void One_pod_cannot_use_all_fragment_entries()
    {
        var service = ServiceOf(Frame.Udp);
        var other = _node.AddPod(3);
        var firsts = 0;
        for (var i = 0; i < 5000; i++)
        {
            firsts += _node.Send(1, service.To(_client, 5000, payload: Large).Fragments(Size, (ushort)i).First()) is null ? 0 : 1;
        }

        Assert.Equal(4096, firsts);
        Assert.Equal(5000ul - 4096, _node.Drops(DropReason.Share));
        Assert.Equal(Large, PassAll(3, service.To(other, 5000, payload: Large), 2).Payload.ToArray());
        _node.Time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(Large, PassAll(1, service.To(_client, 5000, payload: Large), 2).Payload.ToArray());
    }
}
