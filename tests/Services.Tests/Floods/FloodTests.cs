using System.Buffers.Binary;
using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Services.Tests.Floods;

/// <summary>
/// A flood of flows uses up only the share of the port that it comes from: new connections through other ports succeed during and after
/// it. Each client opens its connections one after the other and closes them first, so their ports stay in TIME_WAIT, and every connection
/// has its own port and a new entry.
/// </summary>
public sealed class FloodTests(ITestOutputHelper output)
{
    private const int Attempts = 200;
    private const ulong Gateway = 0x02ACC0000001;
    private const string Address = "10.96.5.10";
    private const int NodePort = 30500;
    private const int ExternalPort = 7070;

    [Fact]
    public Task Unanswered_connections_of_a_pod_do_not_affect_others() => RunAsync(
        "one pod: 300,000 SYNs", (node, mac) => (node.Pods[1].Namespace, Frames(mac, Number(node.Pods[1].Address), [Frame.Syn], 300_000)),
        pods: true);

    [Fact]
    public Task Forged_ACKs_of_a_pod_do_not_affect_others() => RunAsync(
        "one pod: 150,000 SYNs, each followed by an ACK",
        (node, mac) => (node.Pods[1].Namespace, Frames(mac, Number(node.Pods[1].Address), [Frame.Syn, Frame.Ack | Frame.Psh], 150_000)),
        pods: true);

    [Fact]
    public Task UDP_flows_of_a_pod_do_not_affect_others() => RunAsync(
        "one pod: 300,000 UDP flows",
        (node, mac) =>
        (node.Pods[1].Namespace,
            Each(300_000, i => Frame.Build(Frame.Udp, Number(node.Pods[1].Address), Port(i), Number(Address), (ushort)(80 + (i / 60_000)))
            .From(mac, Gateway).Bytes)), pods: true);

    [Fact]
    public Task Spoofed_external_connections_do_not_affect_others() => RunAsync(
        "outside: 15,000 SYNs with spoofed source addresses to a node port",
        (node, _) => (node.OutsideNamespace, Spoofed(15_000)), outside: true, full: false);

    [Fact]
    public Task Many_spoofed_external_connections_do_not_affect_others() => RunAsync(
        "outside: 300,000 SYNs with spoofed source addresses to a node port",
        (node, _) => (node.OutsideNamespace, Spoofed(300_000)), pods: true);

    [Fact]
    public Task Masqueraded_flows_of_a_pod_do_not_affect_others() => RunAsync(
        "one pod: 60,000 masqueraded flows to one destination",
        (node, mac) => (node.Pods[1].Namespace, Each(60_000, i => Frame.Build(
            Frame.Tcp, Number(node.Pods[1].Address), Port(i), Number(Outside.ClientAddress), ExternalPort).From(mac, Gateway).Bytes)),
        pods: true, masqueraded: true);

    // `full`: whether the flood uses up its sender's share.
    private async Task RunAsync(
        string flood, Func<ServiceNode, ulong, (string Netns, IEnumerable<byte[]> Frames)> frames, bool pods = false,
        bool outside = false, bool masqueraded = false,
        bool full = true)
    {
        Needs.Lab();
        await using var node = await ServiceNode.StartAsync(pods: 3);
        await node.SetClusterAsync(
            Kube.Service("web", Address, ("tcp", "TCP", 80, NodePort), ("u80", "UDP", 80, 0), ("u81", "UDP", 81, 0),
                ("u82", "UDP", 82, 0), ("u83", "UDP", 83, 0), ("u84", "UDP", 84, 0))
                .With("spec.type", "NodePort"),
            Kube.Slice("s", "web",
                [("tcp", "TCP", ServiceNode.Port), .. Enumerable.Range(80, 5).Select(p => ((string?)$"u{p}", "UDP", 8000 + p))],
                node.Endpoint(3)));
        await node.MasqueradeOutgoingAsync();
        node.Serve(node.OutsideNamespace, "external", ExternalPort, Outside.ClientAddress);
        List<(string Who, Client Client, string To)> others = [];
        if (pods)
        {
            others.Add(("another pod", node.From(2), masqueraded ? $"{Outside.ClientAddress}:{ExternalPort}" : $"{Address}:80"));
        }

        if (outside)
        {
            others.Add(("outside", node.ExternalClient, $"{ServiceNode.NodeAddress}:{NodePort}"));
        }

        var (netns, sent) = frames(node, PodEnd.Of(node.Pods[1].Namespace, node.Pods[1].Address).Mac.Value);
        List<(string Who, int During, int After)> results = [];
        // Clients on the flooded link lose frames in its queue, so their link is flooded only once, which takes a moment.
        await using (var running = Flood.Start(netns, sent, repeat: !outside))
        {
            foreach (var (who, client, to) in others)
            {
                results.Add((who, await CountSuccessesAsync(client, to), 0));
            }

            if (full)
            {
                await AssertFullestAsync(node,
                    netns == node.OutsideNamespace ? $"node-1/{Outside.PortName}" : $"default/{node.Pods[1].Name}");
            }

            output.WriteLine($"{flood}: {await running.StopAsync()} frames sent");
        }
        for (var i = 0; i < results.Count; i++)
        {
            results[i] = results[i] with { After = await CountSuccessesAsync(others[i].Client, others[i].To) };
        }

        var drops = await node.DropsAsync();
        foreach (var (who, during, after) in results)
        {
            output.WriteLine($"{flood}; {who}: {during} of {Attempts} during, {after} of {Attempts} after; drops: {drops}");
        }

        Assert.All(results,
            r => Assert.True(Math.Min(r.During, r.After) >= Attempts * 99 / 100, $"{r.Who}: {r.During} during, {r.After} after; {drops}"));
        Assert.Equal(full, drops.Contains("share ", StringComparison.Ordinal));
    }

    /// <summary>The flooding port is listed first, with a full share.</summary>
    private async Task AssertFullestAsync(ServiceNode node, string owner)
    {
        JsonNode? fullest = null;
        await Eventually.TrueAsync(
            async () =>
            {
                fullest = (await node.Lab.ControlAsync("shares"))["ports"]![0]!;
                // Replies keep moving flows from one kind to another.
                return fullest["endpoints"]!.AsArray().Any(e => (string?)e == owner)
                    && fullest["shares"]!.AsArray().Any(s => (uint)s!["count"]! >= (uint)s["limit"]!);
            },
            () => $"{owner} has a full share; the port listed first is {fullest?.ToJsonString()}");
        output.WriteLine($"{owner}: {string.Join(", ", fullest!["shares"]!.AsArray().Select(s => $"{s!["kind"]} "
            + $"{s["count"]}/{s["limit"]}"))}");
    }

    private static async Task<int> CountSuccessesAsync(Client client, string to)
    {
        var succeeded = 0;
        for (var i = 0; i < Attempts; i++)
        {
            succeeded += (await client.AskTcpAsync(to)).Seen is null ? 0 : 1;
        }

        return succeeded;
    }

    // Uses 64,000 source ports, alternately to the cluster IP and to the node port.
    private static IEnumerable<byte[]> Frames(ulong mac, uint from, byte[] flags, int flows)
    {
        for (var i = 0; i < flows; i++)
        {
            foreach (var flag in flags)
            {
                yield return Frame.Build(Frame.Tcp, from, Port(i), Number(i % 2 == 0 ? Address : ServiceNode.NodeAddress),
                    i % 2 == 0 ? (ushort)80 : (ushort)NodePort, flags: flag).From(mac, Gateway).Bytes;
            }
        }
    }

    private static IEnumerable<byte[]> Spoofed(int flows) => Each(flows, i => Frame.Build(
        Frame.Tcp, 0x0B000001 + (uint)i, 5000, Number(ServiceNode.NodeAddress), NodePort).From(0x02005E005301, 0x02005E005399).Bytes);

    private static IEnumerable<byte[]> Each(int count, Func<int, byte[]> frame) => Enumerable.Range(0, count).Select(frame);

    private static ushort Port(int i) => (ushort)(1024 + (i % 64_000));

    private static uint Number(string address) => BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(address).GetAddressBytes());
}
