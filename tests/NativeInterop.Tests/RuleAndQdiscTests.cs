using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.NativeInterop.Tests;

public sealed class RuleAndQdiscTests
{
    [Theory]
    [InlineData("10.244.1.7")]
    [InlineData("fd00::7")]
    public void Rules_are_added_once_listed_and_deleted(string source)
    {
        Needs.Root();
        using var a = new TestNamespace();
        var rule = new RoutingRule { Source = IPAddress.Parse(source), Table = 0x0acc0003, Priority = 1000 };
        Assert.DoesNotContain(a.Route.GetRules(), r => r.Source is not null);

        Assert.True(a.Route.AddRule(rule));
        Assert.False(a.Route.AddRule(rule));

        var found = Assert.Single(a.Route.GetRules(), r => r.Source is not null);
        Assert.Equal((rule.Source, rule.Table, rule.Priority, 8 * rule.Source.GetAddressBytes().Length),
            (found.Source, found.Table, found.Priority, found.SourcePrefixLength));
        Assert.True(a.Route.DeleteRule(found));
        Assert.False(a.Route.DeleteRule(found));
        Assert.DoesNotContain(a.Route.GetRules(), r => r.Source is not null);
    }

    [Fact]
    public void A_new_namespace_has_the_kernels_three_rules()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var rules = a.Route.GetRules().Where(r => r.Family == AddressFamily.InterNetwork).ToList();
        Assert.Equal([(0, 255), (32766, 254), (32767, 253)], rules.Select(r => (r.Priority, r.Table)));
        Assert.All(rules, r => Assert.True(r.MatchesAll, r.ToString()));
    }

    [Theory]
    [InlineData("192.0.2.10", 6, 30000, 32767)]
    [InlineData("192.0.2.10", 6, 8080, 8080)]
    [InlineData("fd00::7", 17, 30000, 32767)]
    public void A_rule_can_select_the_machines_own_packets_by_destination_protocol_and_ports(
        string destination, byte protocol, ushort first, ushort last)
    {
        Needs.Root();
        using var a = new TestNamespace();
        var rule = new RoutingRule
        {
            Family = IPAddress.Parse(destination).AddressFamily,
            Destination = IPAddress.Parse(destination),
            InputInterface = "lo",
            IpProtocol = protocol,
            DestinationPorts = new RulePorts(first, last),
            Table = 0x0acc0000,
            Priority = 50,
            Protocol = 172,
        };
        Assert.True(a.Route.AddRule(rule));
        var found = Assert.Single(a.Route.GetRules(), r => r.Table == rule.Table);
        Assert.Equal(rule with { DestinationPrefixLength = 8 * rule.Destination.GetAddressBytes().Length }, found);
        Assert.True(a.Route.DeleteRule(found));
        Assert.DoesNotContain(a.Route.GetRules(), r => r.Table == rule.Table);
    }

    [Fact]
    public async Task A_rule_with_other_selectors_is_marked_and_cannot_be_deleted_by_mistake()
    {
        Needs.Root();
        using var a = new TestNamespace();
        string[] selectors =
            ["fwmark 1", "not from all", "tos 0x10", "uidrange 0-5", "sport 7", "oif lo", "from all suppress_prefixlength 0"];
        foreach (var selector in selectors)
        {
            await Shell.RunLineAsync(a.Name, $"ip rule add {selector} table 77").Succeeded();
            var found = Assert.Single(a.Route.GetRules(), r => r.Table == 77);
            Assert.True(found.HasOtherSelectors, selector);
            Assert.False(found.MatchesAll, selector);
            Assert.Throws<ArgumentOutOfRangeException>(() => a.Route.DeleteRule(found));
            await Shell.RunLineAsync(a.Name, $"ip rule del {selector} table 77").Succeeded();
        }
    }

    [Theory]
    [InlineData(125_000UL, 4096U)]
    [InlineData(12_500_000_000UL, 1_000_000U)]
    public void A_token_bucket_is_set_changed_and_found(ulong rate, uint burst)
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" })!;
        Assert.Null(a.Route.GetTokenBucketRate(link.Index));

        a.Route.SetTokenBucket(link.Index, new TokenBucket(1000, 2000, 4000));
        Assert.Equal(1000UL, a.Route.GetTokenBucketRate(link.Index));
        a.Route.SetTokenBucket(link.Index, new TokenBucket(rate, burst, 2 * burst));

        Assert.Equal(rate, a.Route.GetTokenBucketRate(link.Index));
        Assert.Null(a.Route.GetTokenBucketRate(a.Route.GetLink("x1")!.Index));
        Assert.Equal(Errno.ENODEV, Assert.Throws<NetlinkException>(() => a.Route.SetTokenBucket(9999, new TokenBucket(1, 1, 1))).Errno);
    }
}
