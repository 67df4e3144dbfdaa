using System.Net;
using System.Text.RegularExpressions;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.NativeInterop.Tests;

public sealed class IpTextTests
{
    [Theory]
    [InlineData("10.244.1.50")]
    [InlineData("0.0.0.0")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("fd00::1")]
    [InlineData("2001:DB8:0:0:0:0:0:1")]
    [InlineData("::ffff:10.1.2.3")]
    public void Plain_addresses_are_parsed_as_by_the_framework(string text)
    {
        Assert.True(IpText.TryParse(text, out var address));
        Assert.Equal(IPAddress.Parse(text), address);
    }

    [Theory]
    [InlineData("10.244.1.050")]
    [InlineData("010.244.1.50")]
    [InlineData("10.244.1.00")]
    [InlineData("0x0a.244.1.2")]
    [InlineData("0x0af40102")]
    [InlineData("10.1")]
    [InlineData("184877314")]
    [InlineData("1")]
    [InlineData("10.244.1.256")]
    [InlineData("10.244.1.2.3")]
    [InlineData("10.244.1.2.")]
    [InlineData("10..1.2")]
    [InlineData("10.244.1.+2")]
    [InlineData(" 10.244.1.2")]
    [InlineData("10.244.1.2 ")]
    [InlineData("10.244.1.2\0")]
    [InlineData("١٠.244.1.2")]
    [InlineData("")]
    [InlineData("fe80::1%1")]
    [InlineData("fe80::1%eth0")]
    [InlineData("[fd00::1]")]
    [InlineData("fd00::1/64")]
    [InlineData(" fd00::1")]
    [InlineData("::ffff:10.1.2.03")]
    [InlineData("::ffff:0x0a.1.2.3")]
    [InlineData("fd00::1::2")]
    public void Ambiguous_texts_are_rejected(string text) => Assert.False(IpText.TryParse(text, out _));

    [Theory]
    [InlineData("10.0.0.0/8", true)]
    [InlineData("10.1.2.3/8", false)]
    [InlineData("10.0.0.0/33", false)]
    [InlineData("10.0.0.0/08", true)]
    [InlineData("10.0.0.0/+8", false)]
    [InlineData("10.0.0.0/", false)]
    [InlineData("10.0/8", false)]
    [InlineData("010.0.0.0/8", false)]
    [InlineData("fd00::/8", true)]
    [InlineData("fd00::1/8", false)]
    public void Networks_have_no_host_bits(string text, bool isOne) =>
        Assert.Equal(isOne, IpText.TryParseNetwork(text, out _));

    [Theory]
    [InlineData("127.0.0.1:80", true)]
    [InlineData("[::1]:80", true)]
    [InlineData("::1:80", false)]
    [InlineData("[127.0.0.1]:80", false)]
    [InlineData("[::1:80", false)]
    [InlineData("[]:80", false)]
    [InlineData("127.1:80", false)]
    [InlineData("127.0.0.01:80", false)]
    [InlineData("127.0.0.1:65536", false)]
    [InlineData("127.0.0.1", false)]
    public void End_points_have_a_plain_address_and_a_port(string text, bool isOne) =>
        Assert.Equal(isOne, IpText.TryParseEndPoint(text, out _));

    /// <summary>The framework's own parsers accept octal numbers, so only IpText may call them.</summary>
    [Fact]
    public void Addresses_are_parsed_only_by_IpText()
    {
        var direct = new Regex(@"\b(IPAddress|IPNetwork|IPEndPoint)\.(Try)?Parse\b");
        var found = new[] { "acc-service", "host-stub", "native-interop" }
            .SelectMany(d => Directory.EnumerateFiles(Repository.At(d), "*.cs", SearchOption.AllDirectories))
            .Where(f => !f.Split(Path.DirectorySeparatorChar).Any(p => p is "obj" or "bin") && Path.GetFileName(f) != "IpText.cs")
            .Where(f => File.ReadLines(f).Any(l => !l.TrimStart().StartsWith("//", StringComparison.Ordinal) && direct.IsMatch(l)))
            .Select(f => Path.GetRelativePath(Repository.Root, f));
        Assert.Empty(found);
    }
}
