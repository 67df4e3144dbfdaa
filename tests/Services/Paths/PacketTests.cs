using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Tests.Kubernetes;
using ACCOffload.Integration;
using ACCOffload.Integration.Lab;
using ACCOffload.PipelineTests.Support;
using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Paths;

/// <summary>Packets that need a look at the wire.</summary>
public sealed class PacketTests(NodeFixture fixture) : IClassFixture<NodeFixture>
{
    // SOL_SOCKET, SO_NO_CHECK of Linux.
    private const int SolSocket = 1;
    private const int SoNoCheck = 11;

    [RootFact]
    public async Task A_datagram_without_a_checksum_stays_without_one()
    {
        var node = await fixture.NodeAsync();
        await node.BecomeAsync(Objects.Service("web", "10.96.0.10"), Objects.Slice("s", "web", [node.Endpoint(1)]));
        using var wire = new Wire(node.Pods[1]);
        using var client = node.From(3).Open(ProtocolType.Udp);
        client.SetRawSocketOption(SolSocket, SoNoCheck, BitConverter.GetBytes(1));
        await client.ConnectAsync(IPEndPoint.Parse("10.96.0.10:80"));
        await client.SendAsync("unsummed"u8.ToArray());

        var seen = Find(wire, Frame.Udp, f => f.DestinationPort == ServiceNode.Port);
        Assert.Equal(0, seen.UdpChecksum);
        Assert.Equal(node.Pods[1].Address, Frame.Text(seen.Destination));
        var answer = new byte[100];
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var length = await client.ReceiveAsync(answer, limit.Token);
        Assert.EndsWith("unsummed", System.Text.Encoding.ASCII.GetString(answer, 0, length));
    }

    [RootFact]
    public async Task Sctp_is_balanced_by_address_and_its_checksum_is_left_alone()
    {
        var node = await fixture.NodeAsync();
        await node.BecomeAsync(
            Kube.Service("assoc", "10.96.0.40", ("sctp", "SCTP", 5000, 0)), Kube.Slice("s", "assoc", [("sctp", "SCTP", 5000)], node.Endpoint(1)));
        var (client, server) = (node.Pods[3], node.Pods[1]);
        using var there = new Wire(server);
        using var here = new Wire(client);
        var (clientEnd, serverEnd) = (PodEnd.Of(client.Namespace, client.Address), PodEnd.Of(server.Namespace, server.Address));

        // An INIT has no verification tag (RFC 9260, 8.5.1).
        here.Send(Build(clientEnd, 40001, "10.96.0.40", 5000, tag: 0));
        var init = Find(there, Frame.Sctp, f => f.DestinationPort == 5000);
        Assert.Equal((client.Address, 40001, server.Address), (Frame.Text(init.Source), init.SourcePort, Frame.Text(init.Destination)));
        Assert.Equal(0xC0FFEE01, init.SctpChecksum);

        there.Send(Build(serverEnd, 5000, client.Address, 40001, tag: 7));
        var reply = Find(here, Frame.Sctp, f => f.SourcePort == 5000);
        Assert.Equal("10.96.0.40", Frame.Text(reply.Source));
        here.Send(Build(clientEnd, 40001, "10.96.0.40", 5000, tag: 9));
        Assert.Equal(9u, Find(there, Frame.Sctp, f => f.DestinationPort == 5000 && f.Sequence != 0).Sequence);
    }

    [RootFact]
    public async Task Sctp_to_a_changed_port_is_refused_with_an_error()
    {
        var node = await fixture.NodeAsync();
        await node.BecomeAsync(
            Kube.Service("assoc", "10.96.0.40", ("sctp", "SCTP", 5000, 0)), Kube.Slice("s", "assoc", [("sctp", "SCTP", 5001)], node.Endpoint(1)));
        var services = await node.Lab.ControlAsync("services");
        Assert.Contains("SCTP port translation", services.ToJsonString());
    }

    [RootFact]
    public async Task Names_are_resolved_by_cluster_dns_over_Udp_and_Tcp()
    {
        var node = await fixture.NodeAsync();
        // As CoreDNS has it: both protocols at port 53, its own port elsewhere.
        await node.BecomeAsync(
            Kube.Service("kube-dns", "10.96.0.2", ("dns", "UDP", 53, 0), ("dns-tcp", "TCP", 53, 0)),
            Kube.Slice("s", "kube-dns", [("dns", "UDP", 5353), ("dns-tcp", "TCP", 5353)], node.Endpoint(1), node.Endpoint(2)));
        await using var first = new NameServer(node.Pods[1].Namespace, IPAddress.Parse("10.96.0.10"));
        await using var second = new NameServer(node.Pods[2].Namespace, IPAddress.Parse("10.96.0.10"));
        foreach (var client in new[] { node.From(3), node.From(1), node.Host })
        {
            for (ushort id = 100; id < 110; id++)
            {
                var answer = await client.ExchangeAsync("10.96.0.2:53", NameServer.Query(id, "web.default.svc.cluster.local"));
                Assert.Equal(id, BinaryPrimitives.ReadUInt16BigEndian(answer));
                Assert.Equal([10, 96, 0, 10], answer[^4..]);
            }
        }

        Assert.True(first.Asked > 0 && second.Asked > 0, $"{first.Asked} and {second.Asked} questions");
    }

    private static byte[] Build(PodEnd from, ushort sourcePort, string to, ushort port, uint tag) =>
        Frame.Build(Frame.Sctp, Number(from.Address), sourcePort, Number(to), port, "chunk..."u8, sequence: tag).From(from.Mac.Value, 0x02ACC0000001).Bytes;

    private static uint Number(string address) => BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(address).GetAddressBytes());

    private static Frame Find(Wire wire, byte protocol, Func<Frame, bool> isIt) => new(wire.ReceiveUntil(
        bytes => bytes.Length >= 46 && bytes[12] == 8 && bytes[13] == 0 && bytes[23] == protocol && isIt(new Frame(bytes)))[^1]);
}
