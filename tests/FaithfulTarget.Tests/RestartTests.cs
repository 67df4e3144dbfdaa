using ACCOffload.FaithfulTarget.Tests.Support;
using Grpc.Core;
using static ACCOffload.FaithfulTarget.Tests.Support.RawClient;
using Kind = P4.V1.Update.Types.Type;

namespace ACCOffload.FaithfulTarget.Tests;

/// <summary>Behaviour 16, and killing and restarting the process.</summary>
public sealed class RestartTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_restarted_target_is_empty(bool on)
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { ForgetsOnRestart = on });
        await fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Row(SmallPipeline.First, 1, 1));
        await fixture.Target.RestartAsync();
        Assert.True(fixture.Target.IsAlive);
        Assert.Equal(on ? 0 : 1, fixture.Target.Ports.Count);
        Assert.Equal(on, fixture.Target.Pipeline is null);
        fixture.Reconnect();
        if (!on)
        {
            Assert.Single(await fixture.Client.ReadTableAsync(SmallPipeline.First));
            return;
        }

        await FailsAsync(StatusCode.FailedPrecondition, () => fixture.Client.ReadTableAsync(SmallPipeline.First));
        await fixture.Client.BidAsync();
        await fixture.Client.MakeTapAsync("TAP0");
        await fixture.Client.PushAsync();
        Assert.Empty(await fixture.Client.ReadTableAsync(SmallPipeline.First));

        // Requests are counted across restarts.
        Assert.Equal(2, fixture.Target.Pushes);
        Assert.Single(fixture.Target.Updates);
    }

    [Fact]
    public async Task A_kill_drops_all_connections()
    {
        await using var fixture = await TargetFixture.StartAsync();
        await fixture.Client.BidAsync();
        var next = fixture.Client.NextStatusAsync();
        await fixture.Target.KillAsync();
        Assert.Equal("killed", await fixture.DeathAsync());
        await FailsAsync(StatusCode.Unavailable, () => next);
    }

    [Fact]
    public async Task A_dead_target_can_be_restarted()
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync();
        await FailsAsync(StatusCode.Internal, () => fixture.Client.PushAsync());
        await FailsAsync(StatusCode.Unavailable, () => fixture.Client.ReadTableAsync(0));
        await fixture.DeathAsync();
        await fixture.Target.RestartAsync();
        fixture.Reconnect();
        Assert.Equal(StatusCode.OK, await fixture.Client.BidAsync());
    }

    [Fact]
    public async Task The_scripts_create_taps_one_by_one()
    {
        ScriptTap[] taps = [new("TAP0", TimeSpan.Zero), new("TAP1", TimeSpan.FromMilliseconds(20)), new("TAP2", TimeSpan.FromHours(1))];
        await using var fixture = await TargetFixture.StartAsync(change: o => o with { ScriptTaps = taps });
        await UntilPortsAsync(fixture, 2);
        Assert.Equal(["TAP0", "TAP1"], fixture.Target.Ports.Keys.Order());

        // After an early push the remaining ports cannot be created.
        await fixture.Client.BidAsync();
        await fixture.Client.PushAsync();
        await FailsAsync(StatusCode.InvalidArgument, () => fixture.Client.MakeTapAsync("TAP2"));

        await fixture.Target.RestartAsync();
        await UntilPortsAsync(fixture, 2);
        await fixture.Target.RestartAsync([new ScriptTap("P4TAP_3", TimeSpan.Zero)]);
        await UntilPortsAsync(fixture, 1);
        Assert.Equal(["P4TAP_3"], fixture.Target.Ports.Keys);
    }

    private static async Task UntilPortsAsync(TargetFixture fixture, int count)
    {
        using var limit = new CancellationTokenSource(TargetFixture.Limit);
        while (fixture.Target.Ports.Count != count)
        {
            await Task.Delay(5, limit.Token);
        }
    }
}
