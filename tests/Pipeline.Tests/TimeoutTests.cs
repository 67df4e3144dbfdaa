using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>
/// Flow timeouts. Whether an entry still exists shows in where packets go after the buckets have changed.
/// </summary>
public sealed class TimeoutTests : IDisposable
{
    private const byte Psh = Frame.Ack | Frame.Psh;
    private const byte Fin = Frame.Ack | Frame.Fin;

    private readonly Node _node = new();
    private readonly uint _client;
    private Connection? _last;

    public TimeoutTests() => _client = _node.AddPod(1);

    public void Dispose() => _node.Dispose();

    private Connection Connection() => _last = new(_node, 1, _client, 5000);

    private Service TwoBackends(byte protocol = Frame.Tcp)
        => new Service(_node, protocol).Backend(2, _node.AddPod(2)).Backend(3, _node.AddPod(3)).Fill(2).Frontend(Service.Address, 80);

    private Connection Open()
    {
        var service = TwoBackends();
        var connection = Connection().Open(2);
        service.Fill(3).Frontend(Service.Address, 80);
        return connection;
    }

    private void Wait(double seconds) => _node.Time.Advance(TimeSpan.FromSeconds(seconds));

    // A packet with sequence numbers far outside the window probes the entry without changing it.
    private bool IsKept()
        => _node.Send(1,
            _last!.BuildRequest(sequence: _last.ClientNext + 0x40000000, acknowledgment: _last.ServerNext + 0x40000000))!.Value.Port == 2;

    private void AssertKeptFor(double seconds)
    {
        Wait(seconds - 1);
        Assert.True(IsKept());
        Wait(2);
        Assert.False(IsKept());
    }

    [Fact]
    public void An_unanswered_connection_is_kept_for_a_minute_regardless_of_its_packets()
    {
        var service = TwoBackends();
        var connection = Connection();
        connection.Begin(2);
        service.Fill(3).Frontend(Service.Address, 80);
        foreach (var flags in new byte[] { Frame.Syn, Frame.Ack, Psh, Fin, Frame.Rst })
        {
            _node.Pass(1, connection.BuildRequest(flags, "data"), 2);
        }

        AssertKeptFor(60);
    }

    [Fact]
    public void A_packet_that_does_not_acknowledge_the_SYN_ACK_does_not_open_a_connection()
    {
        var service = TwoBackends();
        var connection = Connection();
        connection.Begin(2);
        connection.Answer(2, Frame.Syn | Frame.Ack);
        service.Fill(3).Frontend(Service.Address, 80);
        // A forger does not see the SYN-ACK. The server sends a challenge ACK for segments outside its window (RFC 9293, 3.10.7.4).
        foreach (var flags in new byte[] { Frame.Ack, Psh, Fin })
        {
            _node.Pass(1, connection.BuildRequest(flags, "data", acknowledgment: connection.ServerNext + 0x20000), 2);
        }

        _node.Pass(2, connection.BuildReply(), 1);
        AssertKeptFor(60);
    }

    [Fact]
    public void An_idle_open_connection_is_kept_for_twelve_hours()
    {
        var connection = Open();
        Wait(43_199);
        Assert.True(IsKept());
        connection.Ask(2, Psh, "first");
        Wait(43_199);
        connection.Answer(2);
        AssertKeptFor(43_200);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_reset_connection_is_kept_for_ten_seconds(bool byServer)
    {
        var connection = Open();
        connection.Ask(2, Psh, "question");
        connection.Answer(2, Psh, "answer");
        if (byServer)
        {
            connection.Answer(2, Frame.Rst | Frame.Ack);
        }
        else
        {
            connection.Ask(2, Frame.Rst | Frame.Ack);
        }

        AssertKeptFor(10);
    }

    [Fact]
    public void A_reset_may_follow_unacknowledged_data()
    {
        var connection = Open();
        connection.Ask(2, Psh, "question");
        connection.Ask(2, Frame.Rst | Frame.Ack);
        AssertKeptFor(10);
    }

    [Fact]
    public void A_reset_with_the_acknowledged_sequence_number_is_accepted()
    {
        // RFC 9293, 3.10.7.1: a host without the connection sends its reset without ACK.
        var connection = Open();
        connection.Answer(2, Psh, "answer");
        _node.Pass(1, connection.BuildRequest(Frame.Rst, acknowledgment: 0), 2);
        AssertKeptFor(10);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_closed_connection_is_kept_for_a_minute_after_its_last_FIN(bool clientFirst)
    {
        var connection = Open();
        connection.Ask(2, Psh, "question");
        if (clientFirst)
        {
            connection.Ask(2, Fin);
            connection.Answer(2, Fin);
            connection.Ask(2);
        }
        else
        {
            connection.Answer(2, Fin, "answer");
            connection.Ask(2, Fin);
            connection.Answer(2);
        }
        AssertKeptFor(60);
    }

    [Fact]
    public void Both_ends_may_close_simultaneously()
    {
        var connection = Open();
        var (client, server) = (connection.BuildRequest(Fin), connection.BuildReply(Fin));
        _node.Pass(1, client, 2);
        _node.Pass(2, server, 1);
        AssertKeptFor(60);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_half_closed_connection_is_kept_like_an_open_one(bool byClient)
    {
        // Longer than conntrack's CLOSE_WAIT timeout, which kube-proxy sets to an hour.
        var connection = Open();
        if (byClient)
        {
            connection.Ask(2, Fin);
            connection.Answer(2);
        }
        else
        {
            connection.Answer(2, Fin);
            connection.Ask(2);
        }
        AssertKeptFor(43_200);
    }

    [Fact]
    public void A_new_connection_on_the_same_ports_has_its_own_timeouts()
    {
        var first = Open();
        first.Ask(2, Fin);
        first.Answer(2, Fin);
        // The backend is still eligible: the flow stays there and is renewed.
        Connection().Open(2);
        AssertKeptFor(43_200);
    }

    [Fact]
    public void A_client_that_lost_its_connection_may_reconnect_from_the_same_port()
    {
        var first = Open();
        var second = Connection();
        second.Begin(2);
        // The server still has the first connection: it challenges, the client resets and reconnects (RFC 9293, 3.5.1).
        first.Answer(2);
        _node.Pass(1, first.BuildRequest(Frame.Rst, acknowledgment: 0), 2);
        second = Connection();
        second.Open(2);
        AssertKeptFor(43_200);
    }

    public static TheoryData<byte, bool> Forgeries()
    {
        var all = new TheoryData<byte, bool>();
        foreach (var flags in new byte[] { Frame.Rst, Frame.Rst | Frame.Ack, Fin, Frame.Syn, Frame.Syn | Frame.Ack, Frame.Ack,
            Psh, 0, 0xff })
        {
            all.Add(flags, true);
            all.Add(flags, false);
        }
        return all;
    }

    [Theory]
    [MemberData(nameof(Forgeries))]
    public void Forged_packets_do_not_shorten_the_timeout(byte flags, bool ofClient)
    {
        var connection = Open();
        connection.Ask(2, Psh, "question");
        connection.Answer(2, Psh, "answer");
        Forge(connection, flags, ofClient);
        // More packets with the same forged numbers follow.
        foreach (var more in new byte[] { Frame.Rst, Frame.Rst | Frame.Ack, Fin })
        {
            Forge(connection, more, ofClient);
        }

        Wait(43_199);
        Assert.True(IsKept());
    }

    [Theory]
    [MemberData(nameof(Forgeries))]
    public void Forged_packets_do_not_extend_the_timeout(byte flags, bool ofClient)
    {
        var connection = Open();
        connection.Ask(2, Fin);
        connection.Answer(2, Fin);
        connection.Ask(2);
        Wait(30);
        Forge(connection, flags, ofClient);
        Wait(29);
        Assert.True(IsKept());
        Wait(2);
        Assert.False(IsKept());
    }

    [Theory]
    [MemberData(nameof(Forgeries))]
    public void Forged_packets_have_no_effect_after_the_real_ends_continue(byte flags, bool ofClient)
    {
        var connection = Open();
        Forge(connection, flags, ofClient);
        connection.Ask(2, Psh, "question");
        connection.Answer(2, Psh, "answer");
        connection.Ask(2, Fin);
        connection.Answer(2, Fin);
        connection.Ask(2);
        AssertKeptFor(60);
    }

    [Fact]
    public void A_reset_inside_the_window_but_not_exact_is_ignored()
    {
        // RFC 5961, 3.2: the receiver sends a challenge ACK.
        var connection = Open();
        connection.Ask(2, Psh, "question");
        connection.Answer(2);
        foreach (var off in new uint[] { 1, 1000, unchecked((uint)-1) })
        {
            _node.Pass(1, connection.BuildRequest(Frame.Rst, sequence: connection.ClientNext + off), 2);
        }

        Wait(43_199);
        Assert.True(IsKept());
    }

    // A forger does not see the sequence numbers: the forged ones are far off, by up to half the number space.
    private void Forge(Connection connection, byte flags, bool ofClient)
    {
        foreach (var off in new uint[] { 0x12345678, 0x80000000, 0xF0000000 })
        {
            if (ofClient)
            {
                _node.Send(1, connection.BuildRequest(flags, "forged", connection.ClientNext + off, connection.ServerNext + off));
            }
            else
            {
                _node.Send(2, connection.BuildReply(flags, "forged", connection.ServerNext + off, connection.ClientNext + off));
            }
        }
    }

    private bool DatagramIsKept(Service service) => _node.Send(1, service.To(_client, 5000))!.Value.Port == 2;

    private Service StartDatagrams(out Frame seen)
    {
        var service = TwoBackends(Frame.Udp);
        seen = _node.Pass(1, service.To(_client, 5000), 2);
        service.Fill(3).Frontend(Service.Address, 80);
        return service;
    }

    [Fact]
    public void A_one_way_UDP_flow_keeps_both_directions()
    {
        var service = StartDatagrams(out var seen);
        for (var i = 0; i < 40; i++)
        {
            Wait(29);
            Assert.True(DatagramIsKept(service));
        }
        // The first reply comes after twenty minutes.
        Assert.Equal(Service.Address, _node.Pass(2, Service.Answer(seen), 1).Source);
        // Then only replies.
        for (var i = 0; i < 40; i++)
        {
            Wait(119);
            Assert.Equal(Service.Address, _node.Pass(2, Service.Answer(seen), 1).Source);
        }
        Assert.True(DatagramIsKept(service));
        Wait(119);
        Assert.True(DatagramIsKept(service));
        Wait(121);
        Assert.False(DatagramIsKept(service));
    }

    [Fact]
    public void An_unanswered_UDP_flow_is_kept_for_30_seconds()
    {
        var service = StartDatagrams(out _);
        Wait(31);
        Assert.False(DatagramIsKept(service));
    }

    // The verification tags that the ends chose; each end sends the other's tag.
    private const uint ClientsTag = 0xC11E0001;
    private const uint ServersTag = 0x5E4E0001;

    private Frame SctpOfClient(uint tag) => Frame.Build(Frame.Sctp, _client, 5000, Service.Address, 80, sequence: tag);

    private Frame SctpOfServer(uint tag) => Frame.Build(Frame.Sctp, Node.PodAddress(2), 80, _client, 5000, sequence: tag);

    private void Associate()
    {
        var service = new Service(_node, Frame.Sctp).Backend(2, _node.AddPod(2), 80).Backend(3, _node.AddPod(3), 80).Fill(2)
            .Frontend(Service.Address, 80);
        _node.Pass(1, SctpOfClient(0), 2);
        _node.Pass(2, SctpOfServer(ClientsTag), 1);
        _node.Pass(1, SctpOfClient(ServersTag), 2);
        service.Fill(3).Frontend(Service.Address, 80);
    }

    // An INIT probes the entry without changing it.
    private bool AssociationIsKept() => _node.Send(1, SctpOfClient(0))!.Value.Port == 2;

    [Fact]
    public void An_association_is_kept_for_five_minutes_after_the_last_packet_with_its_tags()
    {
        Associate();
        for (var i = 0; i < 3; i++)
        {
            Wait(299);
            _node.Pass(1, SctpOfClient(ServersTag), 2);
            Wait(299);
            _node.Pass(2, SctpOfServer(ClientsTag), 1);
        }
        Wait(299);
        Assert.True(AssociationIsKept());
        Wait(2);
        Assert.False(AssociationIsKept());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(ServersTag + 1)]
    [InlineData(0xFFFFFFFF)]
    public void A_packet_with_a_wrong_tag_does_not_extend_an_association(uint tag)
    {
        // RFC 9260, 8.5.
        Associate();
        Wait(200);
        _node.Pass(1, SctpOfClient(tag), 2);
        _node.Pass(2, SctpOfServer(tag), 1);
        Wait(99);
        Assert.True(AssociationIsKept());
        Wait(2);
        Assert.False(AssociationIsKept());
    }
}
