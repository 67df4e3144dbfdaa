using ACCOffload.NativeInterop.Addresses;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Integration.Tests;

/// <summary>Packets that a pod must not send are dropped and counted by reason.</summary>
public sealed class SpoofTests
{
    private static readonly MacAddress Gateway = MacAddress.Parse("02:ac:c0:00:00:01");
    private static readonly MacAddress Stranger = MacAddress.Parse("02:00:00:00:00:99");

    [Fact]
    public async Task Spoofed_and_malformed_frames_are_dropped_and_counted_by_reason()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync();
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");
        var mac = MacOf(a);
        using var sender = new Wire(a);
        using var receiver = new Wire(b);

        byte[] Good(byte ttl = 64) => Frames.Udp(mac, Gateway, a.Address, b.Address, ttl);
        byte[] Changed(Action<byte[]> change, bool sum = true)
        {
            var frame = Good();
            change(frame);
            if (sum)
            {
                Frames.WriteHeaderChecksum(frame);
            }

            return frame;
        }

        var cases = new (string Reason, byte[] Frame)[]
        {
            ("spoofed_mac", Frames.Udp(Stranger, Gateway, a.Address, b.Address)),
            ("spoofed_mac", Frames.Udp(MacOf(b), Gateway, b.Address, a.Address)),
            ("spoofed_ip", Frames.Udp(mac, Gateway, "10.244.1.200", b.Address)),
            ("spoofed_ip", Frames.Udp(mac, Gateway, "8.8.8.8", b.Address)),
            ("spoofed_pod", Frames.Udp(mac, Gateway, b.Address, b.Address)),
            ("spoofed_arp", Frames.ArpRequest(mac, mac, b.Address, "169.254.1.1")),
            ("spoofed_arp", Frames.ArpRequest(mac, Stranger, a.Address, "169.254.1.1")),
            ("spoofed_mac", Frames.ArpRequest(Stranger, Stranger, a.Address, "169.254.1.1")),
            ("arp_ignored", Frames.ArpRequest(mac, mac, "0.0.0.0", a.Address)),
            ("arp_ignored", Frames.ArpRequest(mac, mac, a.Address, a.Address)),
            ("arp_ignored", Frames.ArpRequest(mac, mac, a.Address, "169.254.1.1", operation: 2)),
            ("bad_checksum", Changed(f => f[24] ^= 0x40, sum: false)),
            ("ttl_expired", Good(ttl: 1)),
            ("ttl_expired", Good(ttl: 0)),
            ("no_route", Frames.Udp(mac, Gateway, a.Address, "203.0.113.9")),
            ("not_for_gateway", Frames.Udp(mac, MacOf(b), a.Address, b.Address)),
            ("multicast", Frames.Udp(mac, Gateway, a.Address, "224.0.0.5")),
            ("unsupported_ethertype", Changed(f => f[12] = 0x86, sum: false)),
            ("ip_options", Changed(f => f[14] = 0x46)),
            ("malformed", Changed(f => f[14] = 0x65)),
            ("malformed", Changed(f => f[14] = 0x44)),
            ("malformed", Changed(f => (f[16], f[17]) = (0, 19))),
        };

        foreach (var (reason, frame) in cases)
        {
            var before = await lab.DropsAsync();
            // Other traffic from the pod's own stack may be counted too; this frame must be.
            sender.Send(frame);
            await Eventually.TrueAsync(
                async () =>
                    (await lab.DropsAsync()).GetValueOrDefault(reason) > before.GetValueOrDefault(
                        reason), $"a drop is counted as {reason}", 10);
        }

        var mark = Frames.Udp(mac, Gateway, a.Address, b.Address, payload: 111);
        sender.Send(mark);
        var seen = receiver.ReceiveUntil(frame => frame.Length == mark.Length);
        Assert.Single(seen, frame => frame[12] == 8 && frame[13] == 0 && frame[23] == 17);
        var arrived = seen[^1];
        Assert.Equal(MacOf(b).ToArray(), arrived[..6]);
        Assert.Equal(Gateway.ToArray(), arrived[6..12]);
        Assert.Equal(63, arrived[22]);
        var sum = arrived[24..26];
        Frames.WriteHeaderChecksum(arrived);
        Assert.Equal(arrived[24..26], sum);
    }

    private static MacAddress MacOf(Pod pod) =>
        MacAddress.Parse(pod.Result!["interfaces"]!.AsArray().Single(i => (string?)i!["name"] == "eth0")!["mac"]!.GetValue<string>());
}
