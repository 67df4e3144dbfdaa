using System.Net;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Tests.Model;

public class EndpointRulesTests
{
    public static TheoryData<string, string> BadAddresses => new()
    {
        { "10.245.0.1", "outside the node's pod ranges" },
        { "169.254.1.1", "gateway" },
        { "192.0.2.10", "node address" },
        { "200.1.1.2", "host address" },
        { "10.96.0.10", "virtual address range" },
        { "fd00::1", "not IPv4" },
        { "::ffff:10.244.1.1", "not IPv4" },
        { "255.255.255.255", "outside" },
        { "0.0.0.0", "outside" },
    };

    [Theory]
    [MemberData(nameof(BadAddresses))]
    public void An_invalid_address_is_refused_with_its_index(string address, string reason)
    {
        var spec = TestNode.Pod(1) with { Addresses = [TestNode.Ip(1), IPAddress.Parse(address)] };
        var e = Refused(spec);
        Assert.Equal("addresses[1]", e.Field);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reserved_addresses_are_refused_even_inside_a_range()
    {
        var wide = TestNode.Settings with { PodRanges = [IPNetwork.Parse("0.0.0.0/0")], VirtualRanges = [] };
        foreach (var address in new[] { "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255" })
        {
            var spec = TestNode.Pod(1) with { Addresses = [IPAddress.Parse(address)] };
            Assert.Equal("addresses[0]", Assert.Throws<IntentException>(() => EndpointRules.Check(spec, wide)).Field);
        }
    }

    [Theory]
    [InlineData("00:00:00:00:00:00")]
    [InlineData("01:00:5e:00:00:01")]
    [InlineData("ff:ff:ff:ff:ff:ff")]
    [InlineData("02:ac:c0:00:00:01")]
    public void An_invalid_mac_is_refused(string mac) =>
        Assert.Equal("device.mac", Refused(TestNode.Pod(1) with { Mac = MacAddress.Parse(mac) }).Field);

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("a b")]
    [InlineData("a]b")]
    [InlineData("pört")]
    public void An_invalid_port_name_is_refused(string name) =>
        Assert.Equal("device.port_name", Refused(TestNode.Pod(1) with { PortName = name }).Field);

    [Fact]
    public void Other_invalid_fields_are_named()
    {
        var good = TestNode.Pod(1);
        Assert.Equal("key.network", Refused(good with { Key = new("", "c", "eth0") }).Field);
        Assert.Equal("key.container_id", Refused(good with { Key = new("n", new string('x', 300), "eth0") }).Field);
        Assert.Equal("key.interface_name", Refused(good with { Key = new("n", "c", "eth\n0") }).Field);
        Assert.Equal("kind", Refused(good with { Kind = 0 }).Field);
        Assert.Equal("device.kind", Refused(good with { Device = 0 }).Field);
        Assert.Equal("mtu", Refused(good with { Mtu = 100 }).Field);
        Assert.Equal("mtu", Refused(good with { Mtu = -1 }).Field);
        Assert.Equal("pod_name", Refused(good with { PodName = new string('x', 300) }).Field);
        Assert.Equal("addresses", Refused(good with { Addresses = [] }).Field);
        Assert.Equal("addresses", Refused(good with { Addresses = [.. Enumerable.Range(1, 17).Select(TestNode.Ip)] }).Field);
        Assert.Equal("addresses[1]", Refused(good with { Addresses = [TestNode.Ip(1), TestNode.Ip(1)] }).Field);
        Assert.Equal("addresses[0]", Refused(TestNode.Host() with { Addresses = [TestNode.Ip(1)] }).Field);
    }

    [Fact]
    public void Valid_endpoints_are_accepted()
    {
        EndpointRules.Check(TestNode.Pod(1), TestNode.Settings);
        EndpointRules.Check(TestNode.Host(), TestNode.Settings);
        EndpointRules.Check(TestNode.Host() with { Addresses = [] }, TestNode.Settings);
    }

    private static IntentException Refused(EndpointSpec spec)
    {
        var e = Assert.Throws<IntentException>(() => EndpointRules.Check(spec, TestNode.Settings));
        Assert.Equal(IntentError.InvalidArgument, e.Code);
        Assert.DoesNotContain('\n', e.Message);
        return e;
    }
}
