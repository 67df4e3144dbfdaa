using ACCOffload.FaithfulTarget.Tests.Support;
using Grpc.Core;
using P4.V1;
using static ACCOffload.FaithfulTarget.Tests.Support.RawClient;
using Kind = P4.V1.Update.Types.Type;

namespace ACCOffload.FaithfulTarget.Tests;

/// <summary>Behaviour 13: groups and members.</summary>
public sealed class GroupTests
{
    private static readonly Entity AllGroups = new()
    {
        ActionProfileGroup = new ActionProfileGroup
        {
            ActionProfileId =
        SmallPipeline.Profile
        }
    };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Groups_are_read_by_id(bool on)
    {
        await using var fixture = await StartAsync(new FaithfulBehaviours { RefusesGroupWildcards = on });
        if (on)
        {
            await FailsAsync(StatusCode.Unknown, () => fixture.Client.ReadAsync(AllGroups));
        }
        else
        {
            Assert.Equal(SmallPipeline.Group(9, 1, 2), Assert.Single(await fixture.Client.ReadAsync(AllGroups)));
        }

        Assert.Equal(SmallPipeline.Group(9, 1, 2), Assert.Single(await fixture.Client.ReadAsync(SmallPipeline.Group(9))));
        Assert.Equal(2,
            (await fixture.Client.ReadAsync(
                new Entity { ActionProfileMember = new ActionProfileMember { ActionProfileId = SmallPipeline.Profile } })).Count);
    }

    [Fact]
    public async Task Modify_of_a_group_is_applied()
    {
        await using var fixture = await StartAsync(new FaithfulBehaviours());
        await fixture.Client.WriteAsync(Kind.Modify, SmallPipeline.Group(9, 2));
        Assert.Equal(SmallPipeline.Group(9, 2), Assert.Single(await fixture.Client.ReadAsync(SmallPipeline.Group(9))));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_member_that_was_in_a_group_cannot_be_deleted(bool on)
    {
        await using var fixture = await StartAsync(new FaithfulBehaviours { RefusesUsedMemberDeletes = on });
        await PartFailsAsync(on ? StatusCode.Internal : StatusCode.FailedPrecondition,
            () => fixture.Client.WriteAsync(Kind.Delete, SmallPipeline.Member(1)));
        await fixture.Client.WriteAsync(Kind.Modify, SmallPipeline.Group(9, 2));
        if (on)
        {
            await PartFailsAsync(StatusCode.Internal, () => fixture.Client.WriteAsync(Kind.Delete, SmallPipeline.Member(1)));
        }
        else
        {
            await fixture.Client.WriteAsync(Kind.Delete, SmallPipeline.Member(1));
        }

        // A member that was never in a group can be deleted.
        await fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Member(3));
        await fixture.Client.WriteAsync(Kind.Delete, SmallPipeline.Member(3));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_duplicate_insert_is_reported_as_no_room(bool on)
    {
        await using var fixture = await StartAsync(new FaithfulBehaviours { ReportsDuplicatesAsFull = on });
        var code = on ? StatusCode.ResourceExhausted : StatusCode.AlreadyExists;
        await PartFailsAsync(code, () => fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Member(1)));
        await PartFailsAsync(code, () => fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Group(9, 1, 2)));
    }

    [Fact]
    public async Task A_missing_group_is_not_found()
    {
        await using var fixture = await StartAsync(new FaithfulBehaviours());
        await PartFailsAsync(StatusCode.NotFound, () => fixture.Client.ReadAsync(SmallPipeline.Group(77)));
    }

    [Fact]
    public async Task Members_of_an_unmodified_group_can_be_deleted_after_it()
    {
        await using var fixture = await StartAsync(new FaithfulBehaviours());
        await fixture.Client.WriteAsync(Kind.Delete, SmallPipeline.Group(9));
        await fixture.Client.WriteAsync(Kind.Delete, SmallPipeline.Member(1));
    }

    [Fact]
    public async Task A_row_must_refer_to_an_existing_member_or_group()
    {
        await using var fixture = await StartAsync(new FaithfulBehaviours());
        await fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Row(SmallPipeline.Selected, 1, 2));
        await PartFailsAsync(StatusCode.NotFound,
            () => fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Row(SmallPipeline.Selected, 2, 77)));
    }

    private static async Task<TargetFixture> StartAsync(FaithfulBehaviours behaviours)
    {
        var fixture = await TargetFixture.StartWithPipelineAsync(behaviours);
        await fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Member(1));
        await fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Member(2));
        await fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Group(9, 1, 2));
        return fixture;
    }
}
