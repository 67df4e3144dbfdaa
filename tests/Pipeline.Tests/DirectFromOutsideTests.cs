using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>
/// Hosts beyond the uplink open connections directly to a pod whose own connections there are masqueraded. As with the kernel's
/// connection tracking, which translates a connection only at its first packet, the pod's answers keep its address.
/// </summary>
public sealed class DirectFromOutsideTests : IDisposable
{
    private const byte Pool = 1;
    private const uint External = 0x08080808;
    private static readonly byte[] Large = [.. Enumerable.Range(0, 3000).Select(i => (byte)i)];
    private readonly Node _node = new();
    private readonly uint _pod;

    public DirectFromOutsideTests()
    {
        _pod = _node.AddPod(1);
        _node.Put("pools", "pool_ports", [Pool], Node.Address, 50000, 0x400, 0x3FF);
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        _node.PutPrefix("outgoing", "keep_source", [0x0AF40000], 16);
        _node.PutPrefix("outgoing", "keep_source", [Node.Address], 32);
    }

    public void Dispose() => _node.Dispose();

    private Service Start(byte protocol) => new Service(_node, protocol).Backend(1, _pod).Fill(1).Frontend(Service.Address, 80);

    private Connection ToPod(ushort port = 5000) => new(_node, Node.UplinkPort, External, port, _pod, 8080);

    private void AssertTalks(Connection connection)
    {
        var asked = connection.Ask(1, Frame.Ack | Frame.Psh, "question");
        Assert.Equal($"{Frame.Text(External)}:{connection.Seen.SourcePort} > {Frame.Text(_pod)}:8080", asked.Path);
        var answered = connection.Answer(1, Frame.Ack | Frame.Psh, "answer");
        Assert.Equal($"{Frame.Text(_pod)}:8080 > {Frame.Text(External)}:{connection.Seen.SourcePort}", answered.Path);
    }

    [Fact]
    public void A_connection_keeps_the_pods_address_and_lives_while_it_is_idle()
    {
        var connection = ToPod().Open(1);
        AssertTalks(connection);
        _node.Time.Advance(TimeSpan.FromHours(11));
        // The pod speaks first.
        Assert.Equal(_pod, connection.Answer(1, Frame.Ack | Frame.Psh, "more").Source);
        AssertTalks(connection);
        Assert.Equal(0, _node.Learned("flows"));
    }

    [Fact]
    public void Datagrams_are_answered_from_the_pods_address()
    {
        var seen = _node.Pass(Node.UplinkPort, Frame.Build(Frame.Udp, External, 5000, _pod, 53, "question"u8), 1);
        var answered = _node.Pass(1, Service.Answer(seen, payload: "answer"u8), Node.UplinkPort);
        Assert.Equal($"{Frame.Text(_pod)}:53 > {Frame.Text(External)}:5000", answered.Path);
        // Other ports of the same host are new flows of the pod.
        Assert.Equal(Node.Address, _node.Pass(1, Frame.Build(Frame.Udp, _pod, 53, External, 5001), Node.UplinkPort).Source);
        _node.Time.Advance(TimeSpan.FromSeconds(121));
        Assert.Equal(Node.Address, _node.Pass(1, Frame.Build(Frame.Udp, _pod, 53, External, 5000), Node.UplinkPort).Source);
    }

    [Fact]
    public void An_SCTP_association_keeps_the_pods_address()
    {
        var seen = _node.Pass(Node.UplinkPort, Frame.Build(Frame.Sctp, External, 5000, _pod, 8080), 1);
        Assert.Equal(_pod, _node.Pass(1, Service.Answer(seen), Node.UplinkPort).Source);
    }

    [Theory]
    [InlineData(Frame.Udp, false)]
    [InlineData(Frame.Udp, true)]
    [InlineData(Frame.Tcp, false)]
    [InlineData(Frame.Tcp, true)]
    public void Fragmented_answers_keep_the_pods_address(byte protocol, bool isBackend)
    {
        if (isBackend)
        {
            Start(protocol);
        }

        var seen = _node.Pass(Node.UplinkPort, Frame.Build(protocol, External, 5000, _pod, 8080), 1);
        foreach (var piece in Service.Answer(seen, Frame.Ack, payload: Large).Fragments(1480, 7))
        {
            Assert.Equal(_pod, _node.Pass(1, piece, Node.UplinkPort).Source);
        }
    }

    [Fact]
    public void A_connection_outlives_that_its_pod_becomes_a_backend()
    {
        var connection = ToPod().Open(1);
        Start(Frame.Tcp);
        Assert.Equal(_pod, connection.Answer(1, Frame.Ack | Frame.Psh, "the pod speaks first").Source);
        AssertTalks(connection);
    }

    [Fact]
    public void The_pods_own_connections_are_masqueraded_beside_those_to_it()
    {
        ToPod().Open(1);
        var own = new Connection(_node, 1, _pod, 8080, External, 5001).Open(Node.UplinkPort);
        Assert.Equal(Node.Address, own.Seen.Source);
        Assert.InRange(own.Seen.SourcePort, 50000, 50000 + 0x3FF);
        Assert.Equal(_pod, own.Answer(Node.UplinkPort, Frame.Ack | Frame.Psh, "answer").Destination);
    }

    [Fact]
    public void Traffic_whose_answers_keep_their_source_anyway_is_not_tracked()
    {
        const uint remotePod = 0x0AF40205;
        new Connection(_node, Node.UplinkPort, remotePod, 5000, _pod, 8080).Open(1);
        new Connection(_node, Node.HostPort, Node.HostAddress, 5000, _pod, 8080).Begin(1);
        Assert.Equal(0, _node.Learned("replies"));
    }

    [Fact]
    public void An_answer_without_its_request_is_refused()
    {
        var syn = Frame.Build(Frame.Tcp, External, 5000, _pod, 8080);
        var (port, reset) = _node.Send(1, Service.Answer(syn, Frame.Syn | Frame.Ack))!.Value;
        Assert.Equal((1u, Frame.Rst), (port, (byte)(reset.Flags & Frame.Rst)));
        Assert.Equal(1ul, _node.Drops(DropReason.NoFlow));
    }
}
