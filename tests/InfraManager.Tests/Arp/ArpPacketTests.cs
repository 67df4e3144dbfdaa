using ACCOffload.InfraManager.Arp;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Tests.Arp;

/// <summary>Which ARP frames are answered, and how.</summary>
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
    public void A_request_becomes_the_answer_to_it()
    {
        var frame = Frame(1, Pod, "10.244.0.1", "169.254.1.1");
        Assert.Equal(ArpVerdict.Answered, Judge(frame));
        var expected = Frame(2, "00:04:00:00:03:14", "169.254.1.1", "10.244.0.1", target: Pod, destination: Pod);
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(frame));
    }

    [Theory]
    // The gateway, another pod, somebody outside: all is behind the gateway.
    [InlineData("169.254.1.1", "Answered")]
    [InlineData("10.244.0.2", "Answered")]
    [InlineData("192.0.2.77", "Answered")]
    // An announcement of its own.
    [InlineData("10.244.0.1", "ArpIgnored")]
    public void Any_target_is_answered_but_his_own(string target, string verdict) => Assert.Equal(verdict, $"{Judge(Frame(1, Pod, "10.244.0.1", target))}");

    [Theory]
    // A probe of its own address must not hear that it is taken; one of another's has to.
    [InlineData(Pod, "10.244.0.1", "ArpIgnored")]
    [InlineData(Pod, "10.244.0.2", "Answered")]
    [InlineData(Pod, "10.244.0.99", "Answered")]
    [InlineData("02:00:00:00:00:77", "10.244.0.1", "SpoofedArp")]
    public void A_probe_is_about_its_target(string sender, string target, string verdict) => Assert.Equal(verdict, $"{Judge(Frame(1, sender, "0.0.0.0", target))}");

    [Theory]
    [InlineData(Pod, "10.244.0.2")]
    [InlineData(Other, "10.244.0.1")]
    [InlineData("02:00:00:00:00:77", "10.244.0.1")]
    [InlineData(Pod, "169.254.1.1")]
    [InlineData(Pod, "10.244.0.99")]
    public void A_sender_with_other_addresses_than_an_endpoints_gets_nothing(string mac, string ip)
    {
        var frame = Frame(1, mac, ip, "169.254.1.1");
        byte[] before = [.. frame];
        Assert.Equal(ArpVerdict.SpoofedArp, Judge(frame));
        Assert.Equal(before, frame);
    }

    [Fact]
    public void The_frames_source_is_the_senders()
    {
        var frame = Frame(1, Pod, "10.244.0.1", "169.254.1.1");
        frame[11] ^= 1;
        Assert.Equal(ArpVerdict.SpoofedArp, Judge(frame));
    }

    [Fact]
    public void Answers_are_not_answered() => Assert.Equal(ArpVerdict.ArpIgnored, Judge(Frame(2, Pod, "10.244.0.1", "169.254.1.1")));

    [Theory]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(18)]
    [InlineData(19)]
    public void What_is_no_ARP_for_IPv4_is_malformed(int index)
    {
        var frame = Frame(1, Pod, "10.244.0.1", "169.254.1.1");
        frame[index] ^= 0x40;
        Assert.Equal(ArpVerdict.Malformed, Judge(frame));
    }

    [Fact]
    public void No_length_is_too_short_to_be_judged()
    {
        var frame = Frame(1, Pod, "10.244.0.1", "169.254.1.1");
        for (var length = 0; length < ArpPacket.Length; length++)
        {
            Assert.Equal(ArpVerdict.Malformed, Judge(frame.AsSpan(0, length).ToArray()));
        }
    }

    [Fact]
    public void Nothing_is_allocated_for_a_frame()
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

    internal static byte[] Frame(byte operation, string sender, string senderIp, string targetIp, string target = "00:00:00:00:00:00", string destination = "ff:ff:ff:ff:ff:ff") =>
        Convert.FromHexString(Mac(destination) + Mac(sender) + "0806" + "00010800" + "0604" + $"{operation:x4}" + Mac(sender) + Ip(senderIp) + Mac(target) + Ip(targetIp));

    private ArpVerdict Judge(byte[] frame) => ArpPacket.Answer(frame, Gateway, _senders);

    private static string Mac(string text) => text.Replace(":", "", StringComparison.Ordinal);

    private static string Ip(string text) => Convert.ToHexString(System.Net.IPAddress.Parse(text).GetAddressBytes());
}
