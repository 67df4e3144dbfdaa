using System.Buffers.Binary;
using System.Net;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Services.Tests.Paths;

/// <summary><c>ctl</c> reports every frame of a pod that the pipeline drops.</summary>
public sealed class LossTests
{
    [Fact]
    public async Task Truncated_frames_are_counted_by_port()
    {
        Needs.Lab();
        await using var node = await ServiceNode.StartAsync(pods: 2);
        using var wire = new Wire(node.Pods[1]);
        var whole = Datagram(MacOf(node.Pods[1]), node.Pods[1], 40000, node.Pods[2].Address, 80);
        for (var i = 0; i < 5; i++)
        {
            wire.Send(whole[..20]);
        }

        await Eventually.TrueAsync(
            async () => await CountAsync(node, "lost_frames", "truncated") == 5 && await CountAsync(node, "malformed_frames", null) == 5,
            () => "five truncated frames are counted");
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
