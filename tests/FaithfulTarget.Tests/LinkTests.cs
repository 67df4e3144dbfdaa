using ACCOffload.FaithfulTarget.Tests.Support;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using Grpc.Core;
using static ACCOffload.FaithfulTarget.Tests.Support.RawClient;

namespace ACCOffload.FaithfulTarget.Tests;

/// <summary>TAP ports with real links.</summary>
public sealed class LinkTests
{
    [Fact]
    public async Task Taps_are_links_that_disappear_with_the_process()
    {
        Needs.Tap();
        using var ns = NetNamespace.CreateNameless();
        using var route = RouteNetlink.Open(ns);
        await using var fixture = await TargetFixture.StartAsync(change: o => o with { MakesLinks = true, Namespace = ns });
        await fixture.Client.MakeTapAsync("TAP0");
        Assert.Equal("tun", route.GetLink("TAP0")!.Kind);

        // Created although the Set failed.
        await FailsAsync(StatusCode.InvalidArgument,
            () => fixture.Client.SetPortAsync("TAP1", ("port-type", Text("TAP")), ("mtu", new Gnmi.TypedValue { IntVal = 1400 })));
        Assert.NotNull(route.GetLink("TAP1"));

        await fixture.Target.KillAsync();
        Assert.Null(route.GetLink("TAP0"));
        Assert.Null(route.GetLink("TAP1"));
        await fixture.Target.RestartAsync([new ScriptTap("TAP3", TimeSpan.Zero)]);
        using var limit = new CancellationTokenSource(TargetFixture.Limit);
        while (route.GetLink("TAP3") is null)
        {
            await Task.Delay(5, limit.Token);
        }

        Assert.Null(route.GetLink("TAP0"));
    }
}
