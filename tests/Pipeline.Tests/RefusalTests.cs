using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>Services without backends.</summary>
public sealed class RefusalTests : IDisposable
{
    private readonly Node _node = new();
    private readonly uint _client;

    public RefusalTests() => _client = _node.AddPod(1);

    public void Dispose() => _node.Dispose();

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Sctp)]
    public void Clients_of_a_service_without_backends_are_rejected_as_by_kube_proxy(byte protocol)
    {
        var service = new Service(_node, protocol);
        _node.Put("services", "refuse", [0, Service.Address, 80, protocol], 80, 0);
        var frame = service.To(_client, 5000, payload: "and something more"u8);
        var error = _node.Pass(1, frame, 1);
        Assert.Equal((Service.Address, _client, Frame.Icmp, 56), (error.Source, error.Destination, error.Protocol, error.TotalLength));
        Assert.Equal((0x0303, 64, Node.PodMac(1)), (error.SourcePort, error.Ttl, error.DestinationMac));
        // Quotes the packet as sent: the IP header and eight bytes.
        Assert.Equal(frame.Ip[..28].ToArray(), error.Ip[28..56].ToArray());
        Assert.Equal(1ul, _node.Drops(DropReason.NoBackend));
        Assert.Equal(0, _node.Learned("flows") + _node.Learned("replies"));
    }

    [Fact]
    public void An_external_client_is_rejected_through_the_uplink()
    {
        _node.Put("services", "refuse", [1, Node.Address, 30080, Frame.Tcp], 80, 0);
        var error = _node.Pass(Node.UplinkPort, Frame.Build(Frame.Tcp, 0x08080808, 5000, Node.Address, 30080), Node.UplinkPort);
        Assert.Equal((Frame.Icmp, 0x08080808u), (error.Protocol, error.Destination));
    }

    [Fact]
    public void A_missing_backend_row_rejects_and_a_missing_bucket_drops()
    {
        var service = new Service(_node);
        _node.Put("services", "balance", [0, Service.Address, 80, Frame.Tcp], 80, 1, 2, 0, 0, 0, 0, 0);
        // The bucket is being replaced: the client's retry finds it.
        Assert.Null(_node.Send(1, service.To(_client, 5000)));
        Assert.Equal(1ul, _node.Drops(DropReason.Held));
        service.Fill(9, 9);
        Assert.Equal(Frame.Icmp, _node.Pass(1, service.To(_client, 5000), 1).Protocol);
        Assert.Equal(1ul, _node.Drops(DropReason.NoBackend));
    }

    [Fact]
    public void Policy_Local_without_a_local_backend_drops()
    {
        _node.Put("services", "drop_new", [1, Node.Address, 30080, Frame.Tcp], 80, 0);
        Assert.Null(_node.Send(Node.UplinkPort, Frame.Build(Frame.Tcp, 0x08080808, 5000, Node.Address, 30080)));
        Assert.Equal(1ul, _node.Drops(DropReason.NoLocalBackend));
    }

    [Fact]
    public void Spoofed_packets_to_a_service_are_dropped()
    {
        var service = new Service(_node).Backend(1, _node.AddPod(2)).Fill(1).Frontend(Service.Address, 80);
        Assert.Null(_node.Send(1, service.To(0x0AF40299, 5000)));
        Assert.Equal(1ul, _node.Drops(DropReason.SpoofedIp));
        Assert.Equal(0, _node.Learned("flows"));
    }
}
