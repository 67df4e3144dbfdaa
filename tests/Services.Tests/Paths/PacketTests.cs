using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Services.Tests.Paths;

/// <summary>Properties of packets that are only visible on the wire.</summary>
public sealed class PacketTests(NodeFixture fixture) : IClassFixture<NodeFixture>
{
    // SOL_SOCKET and SO_NO_CHECK on Linux.
    private const int SolSocket = 1;
    private const int SoNoCheck = 11;

    [Fact]
    public async Task A_datagram_without_a_checksum_stays_without_one()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        await node.SetClusterAsync(Objects.Service("web", "10.96.0.10"), Objects.Slice("s", "web", [node.Endpoint(1)]));
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

    [Fact]
    public async Task Sctp_is_balanced_and_its_checksum_is_unchanged()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        await node.SetClusterAsync(
            Kube.Service("assoc", "10.96.0.40", ("sctp", "SCTP", 5000, 0)),
            Kube.Slice("s", "assoc", [("sctp", "SCTP", 5000)], node.Endpoint(1)));
        var (client, server) = (node.Pods[3], node.Pods[1]);
        using var atServer = new Wire(server);
        using var atClient = new Wire(client);
        var (clientEnd, serverEnd) = (PodEnd.Of(client.Namespace, client.Address), PodEnd.Of(server.Namespace, server.Address));

        // An INIT has no verification tag (RFC 9260, 8.5.1).
        atClient.Send(Build(clientEnd, 40001, "10.96.0.40", 5000, tag: 0));
        var init = Find(atServer, Frame.Sctp, f => f.DestinationPort == 5000);
        Assert.Equal((client.Address, 40001, server.Address), (Frame.Text(init.Source), init.SourcePort, Frame.Text(init.Destination)));
        Assert.Equal(0xC0FFEE01, init.SctpChecksum);

        atServer.Send(Build(serverEnd, 5000, client.Address, 40001, tag: 7));
        var reply = Find(atClient, Frame.Sctp, f => f.SourcePort == 5000);
        Assert.Equal("10.96.0.40", Frame.Text(reply.Source));
        atClient.Send(Build(clientEnd, 40001, "10.96.0.40", 5000, tag: 9));
        Assert.Equal(9u, Find(atServer, Frame.Sctp, f => f.DestinationPort == 5000 && f.Sequence != 0).Sequence);
    }

    [Fact]
    public async Task Sctp_to_a_changed_port_is_rejected_with_an_error()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        await node.SetClusterAsync(
            Kube.Service("assoc", "10.96.0.40", ("sctp", "SCTP", 5000, 0)),
            Kube.Slice("s", "assoc", [("sctp", "SCTP", 5001)], node.Endpoint(1)));
        var services = await node.Lab.ControlAsync("services");
        Assert.Contains("SCTP port translation", services.ToJsonString());
    }

    [Fact]
    public async Task Cluster_dns_answers_over_UDP_and_TCP()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        // Like CoreDNS: both protocols on service port 53, with another container port.
        await node.SetClusterAsync(
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
        Frame.Build(Frame.Sctp, Number(from.Address), sourcePort, Number(to), port, "chunk..."u8, sequence: tag)
            .From(from.Mac.Value, 0x02ACC0000001).Bytes;

    private static uint Number(string address) => BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(address).GetAddressBytes());

    private static Frame Find(Wire wire, byte protocol, Func<Frame, bool> matches) => new(wire.ReceiveUntil(
        bytes => bytes.Length >= 46 && bytes[12] == 8 && bytes[13] == 0 && bytes[23] == protocol && matches(new Frame(bytes)))[^1]);
}
