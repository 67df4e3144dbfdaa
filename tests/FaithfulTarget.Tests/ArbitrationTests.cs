using ACCOffload.FaithfulTarget.Tests.Support;
using Grpc.Core;
using static ACCOffload.FaithfulTarget.Tests.Support.RawClient;
using Kind = P4.V1.Update.Types.Type;

namespace ACCOffload.FaithfulTarget.Tests;

/// <summary>Behaviour 18: IDs and arbitration.</summary>
public sealed class ArbitrationTests
{
    [Fact]
    public async Task A_higher_election_id_takes_over_and_a_later_higher_bid_regains_the_role()
    {
        await using var fixture = await TargetFixture.StartAsync();
        using var other = new RawClient(fixture.Target);
        Assert.Equal(StatusCode.OK, await fixture.Client.BidAsync(5));
        Assert.Equal(StatusCode.OK, await other.BidAsync(6));
        Assert.Equal(StatusCode.AlreadyExists, await fixture.Client.NextStatusAsync());

        // The primary disconnects: there is none until a controller bids at least as high.
        await other.HangUpAsync();
        Assert.Equal(StatusCode.NotFound, await fixture.Client.NextStatusAsync());
        Assert.Equal(StatusCode.NotFound, await other.BidAsync(4));
        Assert.Equal(StatusCode.OK, await fixture.Client.BidAsync(7));
        Assert.Equal(StatusCode.AlreadyExists, await other.NextStatusAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Only_the_primary_may_write_and_push(bool on)
    {
        await using var fixture =
            await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { ChecksPrimary = on, RefusesSecondPush = false });
        using var other = new RawClient(fixture.Target) { Id = 9 };
        Task Write() => other.WriteAsync(Kind.Insert, SmallPipeline.Row(SmallPipeline.First, 1, 1));
        if (on)
        {
            await FailsAsync(StatusCode.PermissionDenied, Write);
            await FailsAsync(StatusCode.PermissionDenied, () => other.PushAsync());
            Assert.Equal((1, 0), (fixture.Target.Pushes, fixture.Target.Writes));
        }
        else
        {
            await Write();
            await other.PushAsync();
        }

        // Every controller may read.
        Assert.Empty(await other.ReadTableAsync(SmallPipeline.First));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Device_and_election_ids_of_zero_are_rejected(bool on)
    {
        await using var fixture = await TargetFixture.StartAsync(new FaithfulBehaviours { RefusesZeroIds = on });
        using var noDevice = new RawClient(fixture.Target) { DeviceId = 0 };
        using var noElection = new RawClient(fixture.Target) { Id = 0 };
        if (!on)
        {
            Assert.Equal(StatusCode.OK, await noDevice.BidAsync());
            return;
        }

        await FailsAsync(StatusCode.InvalidArgument, () => noDevice.BidAsync());
        await FailsAsync(StatusCode.InvalidArgument, () => noDevice.ReadTableAsync(0));
        await FailsAsync(StatusCode.InvalidArgument, () => noElection.BidAsync(0));
        await FailsAsync(StatusCode.InvalidArgument, () => noElection.PushAsync());
    }

    [Fact]
    public async Task Two_controllers_cannot_share_an_election_id()
    {
        await using var fixture = await TargetFixture.StartAsync();
        using var other = new RawClient(fixture.Target);
        await fixture.Client.BidAsync();
        await FailsAsync(StatusCode.InvalidArgument, () => other.BidAsync());
    }
}
