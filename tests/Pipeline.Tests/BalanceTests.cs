using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>New flows are spread over the backends, a flow stays on its backend, and replies come from the service address.</summary>
public sealed class BalanceTests : IDisposable
{
    private readonly Node _node = new();

    public void Dispose() => _node.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(10)]
    [InlineData(63)]
    [InlineData(64)]
    public void Buckets_get_equal_shares(int buckets)
    {
        var client = _node.AddPod(1);
        var service = new Service(_node);
        for (uint i = 1; i <= buckets; i++)
        {
            service.Backend(i, Node.PodAddress(0x100 + (int)i));
        }

        service.Fill([.. Enumerable.Range(1, buckets).Select(i => (uint)i)]).Frontend(Service.Address, 80);
        var counts = new Dictionary<uint, int>();
        var flows = buckets * 200;
        var random = new Random(buckets);
        for (var i = 0; i < flows; i++)
        {
            // A pod may have 4,096 unanswered connections.
            if (i % 4000 == 3999)
            {
                _node.Time.Advance(TimeSpan.FromSeconds(61));
            }

            var to = _node.Pass(1, service.To(client, (ushort)(1024 + random.Next(60000))), Node.UplinkPort).Destination;
            counts[to] = counts.GetValueOrDefault(to) + 1;
        }
        Assert.Equal(buckets, counts.Count);
        // Chi-squared test (Wilson-Hilferty approximation): a fair spread exceeds the limit about once in 30,000 times.
        var chi = counts.Values.Sum(c => Math.Pow(c - 200, 2) / 200);
        var freedom = Math.Max(1, buckets - 1);
        var limit = freedom * Math.Pow(1 - 2.0 / (9 * freedom) + 4 * Math.Sqrt(2.0 / (9 * freedom)), 3);
        Assert.True(chi < limit, $"chi-squared {chi:F1} of {freedom} degrees, limit {limit:F1}");
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Sctp)]
    public void A_flow_is_rewritten_in_both_directions_and_keeps_its_backend(byte protocol)
    {
        var client = _node.AddPod(1);
        var backend = _node.AddPod(2);
        // SCTP's checksum covers the ports, so the backend must use the service port.
        var port = (ushort)(protocol == Frame.Sctp ? 80 : 8080);
        var service = new Service(_node, protocol).Backend(1, backend, port).Backend(2, _node.AddPod(3), port).Fill(1)
            .Frontend(Service.Address, 80);
        var payload = "odd length"u8;

        var first = _node.Pass(1, service.To(client, 5000, payload: payload), 2);
        Assert.Equal($"{Frame.Text(client)}:5000 > {Frame.Text(backend)}:{port}", first.Path);
        Assert.Equal((Node.PodMac(2), Node.GatewayMac, 63), (first.DestinationMac, first.SourceMac, first.Ttl));
        Assert.True(payload.SequenceEqual(first.Payload));

        var answer = _node.Pass(2, Service.Answer(first, Frame.Syn | Frame.Ack, payload[..5]), 1);
        Assert.Equal($"{Frame.Text(Service.Address)}:80 > {Frame.Text(client)}:5000", answer.Path);
        Assert.True(payload[..5].SequenceEqual(answer.Payload));

        service.Fill(2).Frontend(Service.Address, 80);
        _node.Pass(1, service.To(client, 5000, Frame.Ack), 2);
        _node.Pass(1, service.To(client, 5001), 3);
        Assert.Equal(2, _node.Learned("flows"));
        Assert.Equal(2, _node.Learned("replies"));
        Assert.Equal(3ul, _node.Counted("services", "service_packets", 0, Service.Address, 80, protocol));
        Assert.Equal(2ul, _node.Counted("backends", "backend_packets", 1));
    }

    [Fact]
    public void Checksums_are_correct_for_any_packet_content()
    {
        var client = _node.AddPod(1);
        var random = new Random(3);
        foreach (var protocol in new[] { Frame.Tcp, Frame.Udp })
        {
            var service = new Service(_node, protocol, set: protocol).Backend(protocol, _node.AddPod(protocol)).Fill(protocol)
                .Frontend(Service.Address, 80, id: protocol);
            for (var i = 0; i < 20_000; i++)
            {
                // A pod may have 4,096 unanswered connections and 16,384 datagram flows.
                if (i % 4000 == 3999)
                {
                    _node.Time.Advance(TimeSpan.FromSeconds(121));
                }

                var payload = new byte[random.Next(8)];
                random.NextBytes(payload);
                // Node.Send verifies the checksums.
                var seen = _node.Pass(1, service.To(client, (ushort)random.Next(1, 65536), payload: payload), protocol);
                random.NextBytes(payload);
                _node.Pass(protocol, Service.Answer(seen, Frame.Syn | Frame.Ack, payload), 1);
            }
        }
    }

    [Fact]
    public void UDP_without_a_checksum_stays_so_and_a_computed_zero_is_sent_as_all_ones()
    {
        var client = _node.AddPod(1);
        var backend = _node.AddPod(2);
        new Service(_node, Frame.Udp).Backend(1, backend).Fill(1).Frontend(Service.Address, 80);
        var bare = _node.Pass(1, Frame.Build(Frame.Udp, client, 5000, Service.Address, 80, "x"u8, udpChecksum: false), 2);
        Assert.Equal(0, bare.UdpChecksum);
        Assert.Equal(8080, bare.DestinationPort);

        // A payload for which the translated packet's checksum computes to zero.
        var probe = Frame.Build(Frame.Udp, client, 5000, backend, 8080, [0, 0]);
        byte[] payload = [(byte)(probe.UdpChecksum >> 8), (byte)probe.UdpChecksum];
        var zero = _node.Pass(1, Frame.Build(Frame.Udp, client, 5000, Service.Address, 80, payload), 2);
        Assert.Equal(0xFFFF, zero.UdpChecksum);
    }

    [Fact]
    public void The_SCTP_checksum_is_unchanged()
    {
        var client = _node.AddPod(1);
        var service = new Service(_node, Frame.Sctp).Backend(1, _node.AddPod(2), 80).Fill(1).Frontend(Service.Address, 80);
        Assert.Equal(0xC0FFEE01u, _node.Pass(1, service.To(client, 5000), 2).SctpChecksum);
    }

    [Fact]
    public void Frontends_share_backends_and_each_replies_from_its_own_address()
    {
        var client = _node.AddPod(1);
        var service = new Service(_node).Backend(1, _node.AddPod(2)).Fill(1).Frontend(Service.Address, 80)
            .Frontend(Service.Address + 1, 443);
        var one = _node.Pass(1, service.To(client, 5000), 2);
        var two = _node.Pass(1, Frame.Build(Frame.Tcp, client, 5001, Service.Address + 1, 443), 2);
        Assert.Equal((Service.Address, 80), From(_node.Pass(2, Service.Answer(one), 1)));
        Assert.Equal((Service.Address + 1, 443), From(_node.Pass(2, Service.Answer(two), 1)));

        static (uint, int) From(Frame frame) => (frame.Source, frame.SourcePort);
    }

    [Fact]
    public void Traffic_to_other_addresses_and_ports_is_not_translated()
    {
        var client = _node.AddPod(1);
        var backend = _node.AddPod(2);
        var service = new Service(_node).Backend(1, backend).Fill(1).Frontend(Service.Address, 80);
        // Directly to the backend and back, with and without a service flow of the same client.
        for (var i = 0; i < 2; i++)
        {
            var direct = _node.Pass(1, Frame.Build(Frame.Tcp, client, 6000, backend, 8080), 2);
            Assert.Equal($"{Frame.Text(client)}:6000 > {Frame.Text(backend)}:8080", direct.Path);
            Assert.Equal($"{Frame.Text(backend)}:8080 > {Frame.Text(client)}:6000", _node.Pass(2, Service.Answer(direct), 1).Path);
            _node.Pass(1, service.To(client, 5000), 2);
        }
        // Another port of the address is not a service; it is routed.
        Assert.Equal(Service.Address, _node.Pass(1, service.To(client, 5000, port: 81), Node.UplinkPort).Destination);
    }

    [Fact]
    public void Pods_the_host_and_external_clients_reach_backends_anywhere()
    {
        var pod = _node.AddPod(1);
        const uint remote = 0x0AF40205;
        var service = new Service(_node).Backend(1, remote).Backend(2, Node.Address, 6443).Fill(1).Frontend(Service.Address, 80);

        // A remote pod: its reply arrives at the uplink.
        var seen = _node.Pass(1, service.To(pod, 5000), Node.UplinkPort);
        Assert.Equal(Service.Address, _node.Pass(Node.UplinkPort, Service.Answer(seen), 1).Source);
        // The host as a client.
        seen = _node.Pass(Node.HostPort, service.To(Node.Address, 5000), Node.UplinkPort);
        Assert.Equal(Service.Address, _node.Pass(Node.UplinkPort, Service.Answer(seen), Node.HostPort).Source);
        // The host as a backend.
        service.Fill(2).Frontend(Service.Address, 80);
        seen = _node.Pass(1, service.To(pod, 5001), Node.HostPort);
        Assert.Equal((Node.Address, 6443, Node.HostMac), (seen.Destination, seen.DestinationPort, seen.DestinationMac));
        Assert.Equal((Service.Address, 80),
            (_node.Pass(Node.HostPort, Service.Answer(seen), 1) is var back ? back.Source : 0, back.SourcePort));
        // External clients match separate rows.
        Assert.Equal(Service.Address, _node.Send(Node.UplinkPort, service.To(0x08080808, 5000))!.Value.Frame.Destination);
        service.Fill(1).Frontend(Service.Address, 80, outside: true);
        Assert.Equal(remote, _node.Send(Node.UplinkPort, service.To(0x08080808, 5001))!.Value.Frame.Destination);
    }

    [Fact]
    public void Source_ranges_apply_to_new_flows()
    {
        var local = _node.AddPod(2);
        var service = new Service(_node) { Ranges = 7 }.Backend(1, local).Fill(1).Frontend(Service.Address, 80, outside: true);
        _node.PutPrefix("source_ranges", "in_range", [7, 0xC6336400], 24);
        _node.PutPrefix("source_ranges", "in_range", [8, 0], 0);
        _node.Pass(Node.UplinkPort, service.To(0xC6336405, 5000), 2);
        Assert.Null(_node.Send(Node.UplinkPort, service.To(0xC6336505, 5000)));
        Assert.Equal(1ul, _node.Drops(DropReason.SourceRange));
    }
}
