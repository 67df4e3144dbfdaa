using System.Buffers.Binary;
using System.Net;
using ACCOffload.InfraManager.Tests.Kubernetes;
using ACCOffload.Integration;
using ACCOffload.Integration.Lab;
using ACCOffload.PipelineTests.Support;
using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Paths;

/// <summary>What a pod makes the pipeline lose is told by <c>ctl</c>: no loss goes unseen.</summary>
public sealed class LossTests
{
    private const string Told = "flows turned away";

    [RootFact]
    public async Task Frames_cut_short_are_counted_by_port()
    {
        await using var node = await ServiceNode.StartAsync(pods: 2);
        using var wire = new Wire(node.Pods[1]);
        byte[] whole = Datagram(MacOf(node.Pods[1]), node.Pods[1], 40000, node.Pods[2].Address, 80);
        for (int i = 0; i < 5; i++)
            wire.Send(whole[..20]);

        await Eventually.TrueAsync(
            async () => await CountAsync(node, "lost_frames", "truncated") == 5 && await CountAsync(node, "malformed_frames", null) == 5,
            () => "five truncated frames are counted");
    }

    [RootFact]
    public async Task A_flood_that_fills_a_table_is_told()
    {
        await using var node = await ServiceNode.StartAsync(pods: 2);
        // Each with a target port of its own: two flows of one client address and port to one backend port could not be told apart.
        int[] ports = [80, 81, 82, 83, 84, 85];
        await node.BecomeAsync(
            Kube.Service("a", "10.96.0.10", [.. ports.Select(p => ($"p{p}", "UDP", p, 0))]),
            Kube.Slice("as", "a", [.. ports.Select(p => ((string?)$"p{p}", "UDP", 8000 + p))], node.Endpoint(2)));
        Assert.DoesNotContain(Told, (await node.Lab.ControlAsync("status")).ToJsonString(), StringComparison.Ordinal);
        using var wire = new Wire(node.Pods[1]);
        ulong mac = MacOf(node.Pods[1]);
        string counters = "";

        // More flows than the table has rows, again until enough of them got through.
        await Eventually.TrueAsync(
            async () =>
            {
                foreach (int port in ports)
                {
                    for (int source = 1; source < 65536; source++)
                        wire.Send(Datagram(mac, node.Pods[1], (ushort)source, "10.96.0.10", (ushort)port));
                }

                counters = (await node.Lab.ControlAsync("counters")).ToJsonString();
                return (await node.Lab.ControlAsync("status")).ToJsonString().Contains(Told, StringComparison.Ordinal);
            },
            () => $"status tells of the full table; the counters: {counters}",
            seconds: 120);
        Assert.True(await CountAsync(node, "flows_not_learned", null) > 0);
    }

    private static byte[] Datagram(ulong mac, Pod from, ushort sourcePort, string to, ushort port) =>
        Frame.Build(Frame.Udp, Number(from.Address), sourcePort, Number(to), port).From(mac, 0x02ACC0000001).Bytes;

    private static ulong MacOf(Pod pod) => PodEnd.Of(pod.Namespace, pod.Address).Mac.Value;

    private static uint Number(string address) => BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(address).GetAddressBytes());

    private static async Task<long> CountAsync(ServiceNode node, string counter, string? label) =>
        (await node.Lab.ControlAsync("counters"))["counters"]!.AsArray()
            .Where(c => c!["counter"]!.GetValue<string>() == counter && (label is null || c["label"]?.GetValue<string>() == label))
            .Sum(c => c!["packets"]!.GetValue<long>());
}
