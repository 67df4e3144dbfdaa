using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>After a service releases an address, the address is routed normally, except for existing connections.</summary>
public sealed class ReleasedAddressTests : IDisposable
{
    private readonly Node _node = new();
    private readonly uint _client;

    public ReleasedAddressTests()
    {
        _client = _node.AddPod(1);
        _node.AddPod(2);
    }

    public void Dispose() => _node.Dispose();

    private Service Start(byte protocol) =>
        new Service(_node, protocol).Backend(2, Node.PodAddress(2)).Fill(2).Frontend(Service.Address, 80);

    private void Release(byte protocol) => _node.Put("services", "leave", [0, Service.Address, 80, protocol], 80, 0);

    [Fact]
    public void Existing_connections_continue_and_new_ones_are_routed()
    {
        var service = Start(Frame.Tcp);
        var connection = new Connection(_node, 1, _client, 5000).Open(2);
        Release(Frame.Tcp);
        connection.Ask(2, Frame.Ack | Frame.Psh, "question");
        Assert.Equal(Service.Address, connection.Answer(2, Frame.Ack | Frame.Psh, "answer").Source);
        // From another port, and from the same port with a new connection.
        foreach (var port in new ushort[] { 5001, 5000 })
        {
            var routed = _node.Pass(1, service.To(_client, port), Node.UplinkPort);
            Assert.Equal((Service.Address, 80), (routed.Destination, routed.DestinationPort));
            Assert.Equal((_client, port), (routed.Source, routed.SourcePort));
        }
        // Packets of an unknown connection are not answered with a reset.
        Assert.Equal(Service.Address, _node.Pass(1, service.To(_client, 5002, Frame.Ack), Node.UplinkPort).Destination);
        connection.Ask(2, Frame.Ack | Frame.Psh, "question");
    }

    [Fact]
    public void Datagrams_are_routed()
    {
        // Like kube-proxy, which deletes the conntrack entries of a removed UDP service.
        var service = Start(Frame.Udp);
        _node.Pass(1, service.To(_client, 5000), 2);
        Release(Frame.Udp);
        Assert.Equal(Service.Address, _node.Pass(1, service.To(_client, 5000), Node.UplinkPort).Destination);
    }

    [Fact]
    public void Traffic_leaving_the_node_is_still_masqueraded()
    {
        _node.Put("pools", "pool_ports", [1], Node.Address, 50000, 0x400, 0x3FF);
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, 1);
        var service = Start(Frame.Tcp);
        new Connection(_node, 1, _client, 5000).Open(2);
        Release(Frame.Tcp);
        Assert.Equal(Node.Address, _node.Pass(1, service.To(_client, 5001), Node.UplinkPort).Source);
    }
}
