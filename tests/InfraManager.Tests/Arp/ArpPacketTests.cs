using ACCOffload.InfraManager.Arp;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Tests.Arp;

/// <summary>Validation of ARP frames and their replies.</summary>
public sealed class ArpPacketTests
{
    private const string Pod = "02:00:00:00:00:02", Other = "02:00:00:00:00:03";
    private static readonly MacAddress Gateway = MacAddress.Parse("00:04:00:00:03:14");

    private readonly Dictionary<uint, ulong> _senders = new()
    {
        [0x0af40001] = MacAddress.Parse(Pod).Value,
        [0x0af40002] = MacAddress.Parse(Other).Value,
    };

    [Fact]
    public void A_request_becomes_its_reply()
    {
        var frame = Frame(1, Pod, "10.244.0.1", "169.254.1.1");
        Assert.Equal(ArpVerdict.Answered, Answer(frame));
        var expected = Frame(2, "00:04:00:00:03:14", "169.254.1.1", "10.244.0.1", target: Pod, destination: Pod);
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(frame));
    }

    [Theory]
    // The gateway, another pod, an external host: all are behind the gateway.
    [InlineData("169.254.1.1", "Answered")]
    [InlineData("10.244.0.2", "Answered")]
    [InlineData("192.0.2.77", "Answered")]
    // An announcement of the sender's own address.
    [InlineData("10.244.0.1", "ArpIgnored")]
    public void All_targets_except_the_senders_own_address_are_answered(string target, string verdict) =>
        Assert.Equal(verdict, $"{Answer(Frame(1, Pod, "10.244.0.1", target))}");

    [Theory]
    // A probe for the sender's own address must not be answered; one for another address must.
    [InlineData(Pod, "10.244.0.1", "ArpIgnored")]
    [InlineData(Pod, "10.244.0.2", "Answered")]
    [InlineData(Pod, "10.244.0.99", "Answered")]
    [InlineData("02:00:00:00:00:77", "10.244.0.1", "SpoofedArp")]
    public void A_probe_is_handled_by_its_target(string sender, string target, string verdict) =>
        Assert.Equal(verdict, $"{Answer(Frame(1, sender, "0.0.0.0", target))}");

    [Theory]
    [InlineData(Pod, "10.244.0.2")]
    [InlineData(Other, "10.244.0.1")]
    [InlineData("02:00:00:00:00:77", "10.244.0.1")]
    [InlineData(Pod, "169.254.1.1")]
    [InlineData(Pod, "10.244.0.99")]
    public void A_sender_whose_addresses_match_no_endpoint_is_not_answered(string mac, string ip)
    {
        var frame = Frame(1, mac, ip, "169.254.1.1");
        byte[] before = [.. frame];
        Assert.Equal(ArpVerdict.SpoofedArp, Answer(frame));
        Assert.Equal(before, frame);
    }

    [Fact]
    public void The_source_of_the_frame_must_match_the_sender()
    {
        var frame = Frame(1, Pod, "10.244.0.1", "169.254.1.1");
        frame[11] ^= 1;
        Assert.Equal(ArpVerdict.SpoofedArp, Answer(frame));
    }

    [Fact]
    public void Replies_are_not_answered() => Assert.Equal(ArpVerdict.ArpIgnored, Answer(Frame(2, Pod, "10.244.0.1", "169.254.1.1")));

    [Theory]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(18)]
    [InlineData(19)]
    public void A_frame_that_is_not_ARP_for_IPv4_is_malformed(int index)
    {
        var frame = Frame(1, Pod, "10.244.0.1", "169.254.1.1");
        frame[index] ^= 0x40;
        Assert.Equal(ArpVerdict.Malformed, Answer(frame));
    }

    [Fact]
    public void Frames_of_any_shorter_length_are_malformed()
    {
        var frame = Frame(1, Pod, "10.244.0.1", "169.254.1.1");
        for (var length = 0; length < ArpPacket.Length; length++)
        {
            Assert.Equal(ArpVerdict.Malformed, Answer(frame.AsSpan(0, length).ToArray()));
        }
    }

    [Fact]
    public void Handling_a_frame_allocates_nothing()
    {
        byte[] request = Frame(1, Pod, "10.244.0.1", "169.254.1.1"), probe = Frame(1, Pod, "0.0.0.0", "10.244.0.2");
        var frame = new byte[request.Length];
        void Round()
        {
            request.CopyTo(frame, 0);
            ArpPacket.Answer(frame, Gateway, _senders);
            probe.CopyTo(frame, 0);
            ArpPacket.Answer(frame, Gateway, _senders);
        }

        Round();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            Round();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    internal static byte[] Frame(byte operation, string sender, string senderIp, string targetIp, string target =
        "00:00:00:00:00:00", string destination = "ff:ff:ff:ff:ff:ff") =>
        Convert.FromHexString(Mac(destination) + Mac(
            sender) + "0806" + "00010800" + "0604" + $"{operation:x4}" + Mac(sender) + Ip(senderIp) + Mac(target) + Ip(targetIp));

    private ArpVerdict Answer(byte[] frame) => ArpPacket.Answer(frame, Gateway, _senders);

    private static string Mac(string text) => text.Replace(":", "", StringComparison.Ordinal);

    private static string Ip(string text) => Convert.ToHexString(System.Net.IPAddress.Parse(text).GetAddressBytes());
}
