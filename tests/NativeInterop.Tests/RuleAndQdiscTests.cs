using System.Net;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

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
        Assert.Empty(a.Route.GetRules());

        Assert.True(a.Route.AddRule(rule));
        Assert.False(a.Route.AddRule(rule));

        var found = Assert.Single(a.Route.GetRules());
        Assert.Equal((rule.Source, rule.Table, rule.Priority, 8 * rule.Source.GetAddressBytes().Length),
            (found.Source, found.Table, found.Priority, found.SourcePrefixLength));
        Assert.True(a.Route.DeleteRule(found));
        Assert.False(a.Route.DeleteRule(found));
        Assert.Empty(a.Route.GetRules());
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
