using ACCOffload.PipelineTests.Support;

namespace ACCOffload.PipelineTests;

/// <summary>
/// How long flows are kept. Whether an entry is still there shows where packets go after the buckets have changed.
/// </summary>
public sealed class TimeoutTests : IDisposable
{
    private readonly Node _node = new();
    private readonly uint _client;

    public TimeoutTests() => _client = _node.AddPod(1);

    public void Dispose() => _node.Dispose();

    private Service Start(byte protocol, out Frame seen, params byte[] more)
    {
        var service = new Service(_node, protocol);
        service.Backend(2, _node.AddPod(2)).Backend(3, _node.AddPod(3)).Fill(2).Frontend(Service.Address, 80);
        seen = _node.Pass(1, service.To(_client, 5000), 2);
        foreach (var flags in more)
            _node.Pass(1, service.To(_client, 5000, flags), 2);
        service.Fill(3).Frontend(Service.Address, 80);
        return service;
    }

    private void Wait(double seconds) => _node.Time.Advance(TimeSpan.FromSeconds(seconds));

    private bool IsKept(Service service) => _node.Send(1, service.To(_client, 5000, Frame.Ack))!.Value.Port == 2;

    [Fact]
    public void An_unanswered_SYN_is_kept_for_a_minute()
    {
        var service = Start(Frame.Tcp, out _);
        Wait(59);
        Assert.True(IsKept(service));
        Wait(61);
        Assert.False(IsKept(service));
    }

    [Fact]
    public void An_answered_SYN_is_kept_for_five_minutes_and_a_connection_with_data_for_twelve_hours()
    {
        var service = Start(Frame.Tcp, out var seen);
        _node.Pass(2, Service.Answer(seen, Frame.Syn | Frame.Ack), 1);
        Wait(299);
        Assert.True(IsKept(service));
        Wait(299);
        _node.Pass(1, service.To(_client, 5000, Frame.Ack | Frame.Psh), 2);
        Wait(43_199);
        Assert.True(IsKept(service));
        Wait(43_199);
        _node.Pass(2, Service.Answer(seen), 1);
        Wait(43_199);
        Assert.True(IsKept(service));
        Wait(43_201);
        Assert.False(IsKept(service));
    }

    [Fact]
    public void A_reset_connection_is_kept_for_ten_seconds()
    {
        var service = Start(Frame.Tcp, out var seen, Frame.Ack | Frame.Psh);
        _node.Pass(2, Service.Answer(seen, Frame.Rst | Frame.Ack), 1);
        Wait(9);
        Assert.True(IsKept(service));
        Wait(11);
        Assert.False(IsKept(service));
    }

    [Fact]
    public void A_closed_connection_is_kept_for_two_minutes_and_its_last_acknowledgment_does_not_change_that()
    {
        var service = Start(Frame.Tcp, out var seen, Frame.Ack | Frame.Psh, Frame.Ack | Frame.Fin);
        _node.Pass(2, Service.Answer(seen, Frame.Ack | Frame.Fin), 1);
        Assert.True(IsKept(service));
        Wait(119);
        Assert.True(IsKept(service));
        Wait(121);
        Assert.False(IsKept(service));
    }

    [Fact]
    public void A_half_closed_connection_goes_on_as_long_as_either_side_sends()
    {
        var service = Start(Frame.Tcp, out var seen, Frame.Ack | Frame.Psh, Frame.Ack | Frame.Fin);
        // An hour of data from the server alone, without a packet of the client.
        for (var i = 0; i < 36; i++)
        {
            Wait(100);
            Assert.Equal(Service.Address, _node.Pass(2, Service.Answer(seen, Frame.Ack, "data"u8), 1).Source);
        }
        Assert.True(IsKept(service));
        // And one of the client's alone.
        for (var i = 0; i < 36; i++)
        {
            Wait(100);
            Assert.True(IsKept(service));
        }
        Assert.Equal(Service.Address, _node.Pass(2, Service.Answer(seen, Frame.Ack | Frame.Fin), 1).Source);
    }

    [Fact]
    public void A_one_way_UDP_flow_stays_whole_in_both_directions()
    {
        var service = Start(Frame.Udp, out var seen);
        for (var i = 0; i < 40; i++)
        {
            Wait(29);
            Assert.True(IsKept(service));
        }
        // The first answer after twenty minutes.
        Assert.Equal(Service.Address, _node.Pass(2, Service.Answer(seen), 1).Source);
        // And a stream of answers to nothing.
        for (var i = 0; i < 40; i++)
        {
            Wait(119);
            Assert.Equal(Service.Address, _node.Pass(2, Service.Answer(seen), 1).Source);
        }
        Assert.True(IsKept(service));
        Wait(119);
        Assert.True(IsKept(service));
        Wait(121);
        Assert.False(IsKept(service));
    }

    [Fact]
    public void An_unanswered_UDP_flow_is_kept_for_half_a_minute()
    {
        var service = Start(Frame.Udp, out _);
        Wait(31);
        Assert.False(IsKept(service));
    }

    [Fact]
    public void SCTP_is_kept_for_five_minutes()
    {
        var service = new Service(_node, Frame.Sctp).Backend(2, _node.AddPod(2), 80).Backend(3, _node.AddPod(3), 80).Fill(2).Frontend(Service.Address, 80);
        _node.Pass(1, service.To(_client, 5000), 2);
        service.Fill(3).Frontend(Service.Address, 80);
        Wait(299);
        _node.Pass(1, service.To(_client, 5000), 2);
        Wait(301);
        _node.Pass(1, service.To(_client, 5000), 3);
    }

    [Fact]
    public void A_new_connection_of_the_same_ports_is_kept_like_one()
    {
        var service = Start(Frame.Tcp, out var seen, Frame.Ack | Frame.Fin);
        // The backend is still eligible: the flow stays where it was, and lives again.
        _node.Pass(1, service.To(_client, 5000), 2);
        _node.Pass(2, Service.Answer(seen, Frame.Syn | Frame.Ack), 1);
        _node.Pass(1, service.To(_client, 5000, Frame.Ack | Frame.Psh), 2);
        Wait(3600);
        Assert.True(IsKept(service));
    }
}
