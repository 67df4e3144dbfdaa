using ACCOffload.SoftTarget.Tests.Support;
using Grpc.Core;
using P4.V1;
using static ACCOffload.SoftTarget.Tests.Support.Fields;
using UpdateType = P4.V1.Update.Types.Type;

namespace ACCOffload.SoftTarget.Tests.Server;

/// <summary>Action profiles, selectors and one-shot entries.</summary>
public sealed class ProfileTests : IAsyncLifetime
{
    private static readonly TestPipeline Pipeline = TestPipeline.Conformance;
    private static readonly uint Balancer = Pipeline.Profile("balancer");
    private static readonly uint Profile = Pipeline.Profile("profile");

    private TestTarget _target = null!;

    private TargetClient Client => _target.Client;

    public async ValueTask InitializeAsync() => _target = await TestTarget.StartAsync(Pipeline);

    public async ValueTask DisposeAsync() => await _target.DisposeAsync();

    private static ActionProfileMember Member(uint id, ulong port = 1, uint? profile = null)
        => new() { ActionProfileId = profile ?? Balancer, MemberId = id, Action = Pipeline.Call("out_of", port) };

    private static ActionProfileGroup Group(uint id, params (uint Member, int Weight)[] members)
    {
        var group = new ActionProfileGroup { ActionProfileId = Balancer, GroupId = id };
        group.Members.Add(members.Select(m => new ActionProfileGroup.Types.Member { MemberId = m.Member, Weight = m.Weight }));
        return group;
    }

    private static TableEntry Service(ulong vip, TableAction? action) => Pipeline.Entry("service", [Exact(1, vip)], action);

    private static TableAction ToGroup(uint id) => new() { ActionProfileGroupId = id };

    private static TableAction ToMember(uint id) => new() { ActionProfileMemberId = id };

    private static TableAction OneShot(params (ulong Port, int Weight)[] actions)
    {
        var set = new ActionProfileActionSet();
        set.ActionProfileActions.Add(
            actions.Select(a => new ActionProfileAction { Action = Pipeline.Call("out_of", a.Port), Weight = a.Weight }));
        return new TableAction { ActionProfileActionSet = set };
    }

    private Task InsertAsync(ActionProfileMember member) => Client.WriteAsync(TargetClient.Of(UpdateType.Insert, member));

    private Task InsertAsync(ActionProfileGroup group) => Client.WriteAsync(TargetClient.Of(UpdateType.Insert, group));

    private async Task Fails(StatusCode code, Update update)
    {
        var error = await Client.FailAsync(update);
        Assert.True((int)code == error.CanonicalCode, $"{(StatusCode)error.CanonicalCode}: {error.Message}");
    }

    [Fact]
    public async Task Members_are_written_and_read()
    {
        await InsertAsync(Member(1, 5));
        await InsertAsync(Member(2, 6));
        await InsertAsync(Member(1, 7, Profile));
        var all = await Client.ReadAsync(new Entity { ActionProfileMember = new ActionProfileMember() });
        Assert.Equal(3, all.Count);
        var changed = Member(2, 9);
        await Client.WriteAsync(TargetClient.Of(UpdateType.Modify, changed));
        var one = await Client.ReadAsync(
            new Entity { ActionProfileMember = new ActionProfileMember { ActionProfileId = Balancer, MemberId = 2 } });
        Assert.Equal(changed, Assert.Single(one).ActionProfileMember);
        await Client.WriteAsync(TargetClient.Of(UpdateType.Delete, new ActionProfileMember { ActionProfileId = Balancer, MemberId = 2 }));
        await Fails(StatusCode.NotFound, TargetClient.Of(UpdateType.Delete, Member(2)));
    }

    [Fact]
    public async Task Member_rules_are_enforced()
    {
        await Fails(StatusCode.InvalidArgument, TargetClient.Of(UpdateType.Insert, Member(1, 1, 99)));
        await Fails(StatusCode.InvalidArgument, TargetClient.Of(UpdateType.Insert, Member(0)));
        await Fails(StatusCode.InvalidArgument,
            TargetClient.Of(UpdateType.Insert, new ActionProfileMember { ActionProfileId = Balancer, MemberId = 1 }));
        await Fails(StatusCode.NotFound, TargetClient.Of(UpdateType.Modify, Member(1)));
        await Fails(StatusCode.OutOfRange, TargetClient.Of(UpdateType.Insert, Member(1, 0x1_0000_0000)));
        var foreign = Member(1);
        foreign.Action = Pipeline.Call("deny");
        await Fails(StatusCode.InvalidArgument, TargetClient.Of(UpdateType.Insert, foreign));
        await InsertAsync(Member(1));
        await Fails(StatusCode.AlreadyExists, TargetClient.Of(UpdateType.Insert, Member(1)));
    }

    [Fact]
    public async Task A_full_profile_accepts_no_more_members()
    {
        for (var i = 1u; i <= 64; i++)
        {
            await InsertAsync(Member(i));
        }

        await Fails(StatusCode.ResourceExhausted, TargetClient.Of(UpdateType.Insert, Member(65)));
    }

    private static readonly StatusCode[] Refusals = [StatusCode.InvalidArgument, StatusCode.ResourceExhausted];

    [Theory]
    [InlineData(int.MaxValue, 0)]
    [InlineData(1 << 21, 1)]
    [InlineData(1_000_003, 999_983)]
    public async Task Weights_that_do_not_fit_a_group_are_rejected(int first, int second)
    {
        // Each update gets its own error: the Write as a whole is not rejected.
        var oneShot = await Client.FailAsync(
            TargetClient.Insert(Service(1, OneShot(second == 0 ? [(1, first)] : [(1, first), (2, second)]))));
        Assert.Contains((StatusCode)oneShot.CanonicalCode, Refusals);
        await InsertAsync(Member(1));
        await InsertAsync(Member(2));
        (uint, int)[] members = second == 0 ? [(1, first)] : [(1, first), (2, second)];
        var group = await Client.FailAsync(TargetClient.Of(UpdateType.Insert, Group(1, members)));
        Assert.Contains((StatusCode)group.CanonicalCode, Refusals);
        Assert.Empty(await Client.ReadAsync(new Entity { ActionProfileGroup = new ActionProfileGroup() }));
        await InsertAsync(Group(1, (1, 1), (2, 2)));
    }

    [Fact]
    public async Task Groups_are_written_and_read()
    {
        await InsertAsync(Member(1));
        await InsertAsync(Member(2));
        var group = Group(77_000_000, (1, 3), (2, 1));
        await InsertAsync(group);
        Assert.Equal(
            group, Assert.Single(await Client.ReadAsync(new Entity { ActionProfileGroup = new ActionProfileGroup() })).ActionProfileGroup);
        group.Members.RemoveAt(0);
        await Client.WriteAsync(TargetClient.Of(UpdateType.Modify, group));
        Assert.Equal(group, Assert.Single(await Client.ReadAsync(
            new Entity { ActionProfileGroup = new ActionProfileGroup { ActionProfileId = Balancer } })).ActionProfileGroup);
        await Client.WriteAsync(TargetClient.Of(UpdateType.Delete, group));
        Assert.Empty(await Client.ReadAsync(new Entity { ActionProfileGroup = new ActionProfileGroup() }));
    }

    [Fact]
    public async Task Group_rules_are_enforced()
    {
        await InsertAsync(Member(1));
        await Fails(StatusCode.InvalidArgument, TargetClient.Of(UpdateType.Insert, Group(0)));
        await Fails(StatusCode.NotFound, TargetClient.Of(UpdateType.Insert, Group(1, (9, 1))));
        await Fails(StatusCode.InvalidArgument, TargetClient.Of(UpdateType.Insert, Group(1, (1, 1), (1, 1))));
        await Fails(StatusCode.InvalidArgument, TargetClient.Of(UpdateType.Insert, Group(1, (1, 0))));
        await Fails(StatusCode.NotFound, TargetClient.Of(UpdateType.Modify, Group(1)));
        await Fails(StatusCode.NotFound, TargetClient.Of(UpdateType.Delete, Group(1)));
        var watched = Group(1, (1, 1));
        watched.Members[0].WatchPort = Bytes(1);
        await Fails(StatusCode.Unimplemented, TargetClient.Of(UpdateType.Insert, watched));
        var sized = Group(1, (1, 2));
        sized.MaxSize = 1;
        await Fails(StatusCode.ResourceExhausted, TargetClient.Of(UpdateType.Insert, sized));
        sized.MaxSize = 2;
        await InsertAsync(sized);
        await Fails(StatusCode.AlreadyExists, TargetClient.Of(UpdateType.Insert, sized));
        sized.MaxSize = 3;
        await Fails(StatusCode.InvalidArgument, TargetClient.Of(UpdateType.Modify, sized));
        var plain = Group(1);
        plain.ActionProfileId = Profile;
        await Fails(StatusCode.InvalidArgument, TargetClient.Of(UpdateType.Insert, plain));
    }

    [Fact]
    public async Task All_groups_can_be_used_but_no_more()
    {
        for (var i = 1u; i <= 64; i++)
        {
            await InsertAsync(Group(i));
        }

        await Fails(StatusCode.ResourceExhausted, TargetClient.Of(UpdateType.Insert, Group(65)));
        await Client.WriteAsync(TargetClient.Of(UpdateType.Delete, Group(3)));
        await InsertAsync(Group(65));
    }

    [Fact]
    public async Task Members_and_groups_in_use_by_entries_cannot_be_deleted()
    {
        await Fails(StatusCode.NotFound, TargetClient.Insert(Service(1, ToGroup(5))));
        await Fails(StatusCode.NotFound, TargetClient.Insert(Service(1, ToMember(5))));
        await Fails(StatusCode.InvalidArgument, TargetClient.Insert(Service(1, Pipeline.Do("discard"))));
        await InsertAsync(Member(1));
        await InsertAsync(Member(2));
        await InsertAsync(Group(5, (1, 1)));
        await Client.WriteAsync(TargetClient.Insert(Service(1, ToGroup(5))), TargetClient.Insert(Service(2, ToMember(2))));
        var read = await Client.ReadEntriesAsync(new TableEntry { TableId = Pipeline.Table("service").Preamble.Id });
        Assert.Equal([Service(1, ToGroup(5)), Service(2, ToMember(2))], read.OrderBy(e => e.Match[0].Exact.Value[0]));
        await Fails(StatusCode.FailedPrecondition, TargetClient.Of(UpdateType.Delete, Group(5)));
        await Fails(StatusCode.FailedPrecondition, TargetClient.Of(UpdateType.Delete, Member(1)));
        await Fails(StatusCode.FailedPrecondition, TargetClient.Of(UpdateType.Delete, Member(2)));
        await Client.WriteAsync(TargetClient.Modify(Service(1, ToMember(2))));
        await Client.WriteAsync(TargetClient.Of(UpdateType.Delete, Group(5)));
        await Client.WriteAsync(TargetClient.Of(UpdateType.Delete, Member(1)));
        await Client.WriteAsync(TargetClient.Delete(Service(1, null)), TargetClient.Delete(Service(2, null)));
        await Client.WriteAsync(TargetClient.Of(UpdateType.Delete, Member(2)));
    }

    [Fact]
    public async Task A_table_without_a_selector_accepts_members_only()
    {
        await InsertAsync(Member(1, 1, Profile));
        TableEntry Nexthop(TableAction action) => Pipeline.Entry("nexthop", [Exact(1, 1)], action);
        await Fails(StatusCode.InvalidArgument, TargetClient.Insert(Nexthop(ToGroup(1))));
        await Fails(StatusCode.InvalidArgument, TargetClient.Insert(Nexthop(OneShot((1, 1)))));
        await Client.WriteAsync(TargetClient.Insert(Nexthop(ToMember(1))));
    }

    [Fact]
    public async Task One_shot_entries_are_read_back_as_written()
    {
        var entry = Service(1, OneShot((4, 1), (4, 1), (5, 3)));
        await Client.WriteAsync(TargetClient.Insert(entry));
        Assert.Equal(entry, Assert.Single(await Client.ReadEntriesAsync(Service(1, null))));
        entry.Action = OneShot((9, 2));
        await Client.WriteAsync(TargetClient.Modify(entry));
        Assert.Equal(entry, Assert.Single(await Client.ReadEntriesAsync(Service(1, null))));
        Assert.Empty(await Client.ReadAsync(new Entity { ActionProfileMember = new ActionProfileMember() }));
        await Client.WriteAsync(TargetClient.Delete(entry));
        Assert.Empty(await Client.ReadEntriesAsync(Service(1, null)));
    }

    [Fact]
    public async Task One_shot_entries_and_members_do_not_mix()
    {
        await Client.WriteAsync(TargetClient.Insert(Service(1, OneShot((4, 1)))));
        await Fails(StatusCode.InvalidArgument, TargetClient.Of(UpdateType.Insert, Member(1)));
        await Fails(StatusCode.InvalidArgument, TargetClient.Of(UpdateType.Insert, Group(1)));
        await Fails(StatusCode.InvalidArgument, TargetClient.Insert(Service(2, ToMember(1))));
        await Client.WriteAsync(TargetClient.Delete(Service(1, null)));
        await InsertAsync(Member(1));
        await Fails(StatusCode.InvalidArgument, TargetClient.Insert(Service(1, OneShot((4, 1)))));
        await Fails(StatusCode.InvalidArgument, TargetClient.Insert(Service(1, OneShot((4, 0)))));
    }

    [Fact]
    public async Task A_rolled_back_batch_leaves_profiles_unchanged()
    {
        await InsertAsync(Member(1));
        var request = TargetClient.Request(
            TargetClient.Of(UpdateType.Insert, Member(2)),
            TargetClient.Of(UpdateType.Insert, Group(1, (1, 1), (2, 1))),
            TargetClient.Insert(Service(1, ToGroup(1))),
            TargetClient.Of(UpdateType.Modify, Member(1, 42)),
            TargetClient.Delete(Service(9, null)));
        request.Atomicity = WriteRequest.Types.Atomicity.RollbackOnError;
        await Client.ErrorsAsync(request);
        var members = await Client.ReadAsync(new Entity { ActionProfileMember = new ActionProfileMember() });
        Assert.Equal(Member(1), Assert.Single(members).ActionProfileMember);
        Assert.Empty(await Client.ReadAsync(new Entity { ActionProfileGroup = new ActionProfileGroup() }));
        Assert.Empty(await Client.ReadEntriesAsync(Service(1, null)));
        await Client.WriteAsync(TargetClient.Of(UpdateType.Delete, Member(1)));
        await Client.WriteAsync(TargetClient.Insert(Service(1, OneShot((1, 1)))));
    }
}
