using ACCOffload.NativeInterop.Addresses;
using CsCheck;

namespace ACCOffload.NativeInterop.Tests;

public sealed class MacAddressTests
{
    private const ulong LocallyAdministered = 0x0200_0000_0000;

    [Fact]
    public void Text_bytes_and_number_agree()
    {
        var mac = MacAddress.Parse("02:AC:c0:00:00:01");
        Assert.Equal("02:ac:c0:00:00:01", mac.ToString());
        Assert.Equal(new byte[] { 2, 0xac, 0xc0, 0, 0, 1 }, mac.ToArray());
        Assert.Equal(0x02ac_c000_0001UL, mac.Value);
        Assert.Equal(mac, MacAddress.Parse("02-ac-c0-00-00-01"));
        Assert.Equal(mac, new MacAddress(new byte[] { 2, 0xac, 0xc0, 0, 0, 1 }));
        Assert.NotEqual(0ul, mac.Value & LocallyAdministered);
        Assert.False(mac.IsMulticast);
        Assert.True(MacAddress.Parse("ff:ff:ff:ff:ff:ff").IsMulticast);
        Assert.True(default(MacAddress).IsZero);
        Assert.True(mac > default(MacAddress));
    }

    [Theory]
    [InlineData("")]
    [InlineData("02:ac:c0:00:00")]
    [InlineData("02:ac:c0:00:00:0")]
    [InlineData("02:ac:c0:00:00:01:")]
    [InlineData("02:ac:c0:00-00:01")]
    [InlineData("02:ac:c0:00:00:0g")]
    [InlineData("02ac.c000.0001...")]
    [InlineData("02:ac:c0:00:00: 1")]
    [InlineData("０2:ac:c0:00:00:01")]
    public void Other_texts_are_rejected(string text)
    {
        Assert.False(MacAddress.TryParse(text, out _));
        Assert.Throws<FormatException>(() => MacAddress.Parse(text));
    }

    [Fact]
    public void Random_addresses_are_unicast_local_and_different()
    {
        var all = Enumerable.Range(0, 1000).Select(_ => MacAddress.Random()).ToHashSet();
        Assert.Equal(1000, all.Count);
        Assert.All(all, mac => Assert.True((mac.Value & LocallyAdministered) != 0 && !mac.IsMulticast));
    }

    [Fact]
    public void Text_and_bytes_round_trip() => Gen.ULong[0, 0xFFFF_FFFF_FFFF].Sample(value =>
    {
        var mac = new MacAddress(value);
        return MacAddress.Parse(mac.ToString()) == mac && new MacAddress(mac.ToArray()) == mac && mac.Value == value;
    });
}
