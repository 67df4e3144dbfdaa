using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Tests.Support;
using P4.Config.V1;
using P4.V1;
using Action = P4.Config.V1.Action;

namespace ACCOffload.P4Runtime.Tests;

/// <summary>Members and groups of action profiles, written and read like rows.</summary>
public sealed class ActionProfileTests
{
    private readonly Pipeline _pipeline = Pipeline.FromP4Info(Info());

    [Fact]
    public async Task Members_and_groups_are_written_as_such()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync();
        var profile = _pipeline.ActionProfile("balancer");
        EntryUpdate[] updates =
        [
            new(UpdateKind.Insert, Member(7, 0x1234)),
            new(UpdateKind.Modify, profile.NewGroup(3, [9, 7, 9])),
            new(UpdateKind.Insert, profile.NewGroup(4, [])),
            new(UpdateKind.Delete, Member(8, 1)),
            new(UpdateKind.Delete, profile.NewGroup(3, [7]).Key.ToEntry()),
        ];
        Assert.True((await session.WriteAsync(updates, default)).AllOk);
        var sent = Assert.Single(target.Behaviour.Writes).Updates;
        Assert.Equal(ToProto(7, 0x12, 0x34), sent[0].Entity.ActionProfileMember);
        Assert.Equal(Group(3, 7, 9), sent[1].Entity.ActionProfileGroup);
        Assert.Equal(Group(4), sent[2].Entity.ActionProfileGroup);
        Assert.Equal(new ActionProfileMember { ActionProfileId = profile.Id, MemberId = 8 }, sent[3].Entity.ActionProfileMember);
        Assert.Equal(new ActionProfileGroup { ActionProfileId = profile.Id, GroupId = 3 }, sent[4].Entity.ActionProfileGroup);
        Assert.Equal(updates.Select(u => (int)u.Kind), sent.Select(u => (int)u.Type));
    }

    [Fact]
    public async Task Entries_read_back_equal_those_written()
    {
        var profile = _pipeline.ActionProfile("balancer");
        var whole = profile.NewGroup(5, Enumerable.Range(1, 128).Select(i => (uint)i));
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnRead = (_, stream, _) => stream.WriteAsync(new ReadResponse
            {
                Entities =
                {
                    new Entity { ActionProfileMember = ToProto(7, 0, 0x12, 0x34) },
                    // In another order, and with weights.
                    new Entity { ActionProfileGroup = Group(3, 9, 7) },
                    new Entity { ActionProfileGroup = Group(5, [.. Enumerable.Range(1, 128).Reverse().Select(i => (uint)i)]) },
                },
            }),
        });
        await using var session = await target.PrimaryAsync();
        var read = await session.ReadTablesAsync([profile.Members, profile.Groups]).ToListAsync();
        Assert.Equal([true, true, true], read.Zip([Member(7, 0x1234), profile.NewGroup(3, [7, 9]), whole], (a, b) => a.SameAs(b)));
        Assert.False(read[1].SameAs(profile.NewGroup(3, [7, 8])));
        var asked = Assert.Single(target.Behaviour.Reads).Entities;
        Assert.Equal([new ActionProfileMember { ActionProfileId = profile.Id }], asked
            .Select(e => e.ActionProfileMember).OfType<ActionProfileMember>());
        Assert.Equal([new ActionProfileGroup { ActionProfileId = profile.Id }], asked
            .Select(e => e.ActionProfileGroup).OfType<ActionProfileGroup>());
    }

    [Fact]
    public async Task An_answer_that_does_not_fit_the_pipeline_is_an_error()
    {
        var answer = new Entity { ActionProfileGroup = Group(3, [.. Enumerable.Range(1, 129).Select(i => (uint)i)]) };
        await using var target = await TestTarget.StartAsync(
            new TargetBehaviour { OnRead = (_, stream, _) => stream.WriteAsync(new ReadResponse { Entities = { answer } }) });
        await using var session = await target.PrimaryAsync();
        var profile = _pipeline.ActionProfile("balancer");
        await FailsAsync("more than the profile allows");
        answer = new Entity { ActionProfileMember = new ActionProfileMember { ActionProfileId = 99, MemberId = 1 } };
        await FailsAsync("has no action profile id");
        answer = new Entity
        {
            ActionProfileMember = new ActionProfileMember
            {
                ActionProfileId = profile.Id,
                MemberId = 1,
                Action = new P4.V1.Action { ActionId = 5 },
            },
        };
        await FailsAsync("which it does not offer");

        async Task FailsAsync(string text)
        {
            var e = await Assert.ThrowsAsync<P4RuntimeException>(
                async () => await session.ReadTablesAsync([profile.Members, profile.Groups]).ToListAsync());
            Assert.Contains(text, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Group_size_is_limited_and_0_is_not_a_valid_id()
    {
        var profile = _pipeline.ActionProfile("balancer");
        Assert.Equal(128, profile.MaxGroupSize);
        Assert.Throws<EntryException>(() => profile.NewGroup(1, Enumerable.Range(1, 129).Select(i => (uint)i)));
        Assert.Throws<EntryException>(() => profile.NewGroup(0, [1]));
        Assert.Throws<EntryException>(() => profile.NewGroup(1, [0]));
        var e = Assert.Throws<P4InfoException>(() => _pipeline.ActionProfile("other"));
        Assert.Contains("has no action profile 'other'; it has: balancer", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fetching_an_unchanged_pipeline_returns_the_same_object()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync();
        var e = await Assert.ThrowsAsync<P4RuntimeException>(() => session.FetchPipelineAsync(default));
        Assert.StartsWith("fetching the pipeline failed: ", e.Message, StringComparison.Ordinal);
        target.Behaviour.Loaded = new ForwardingPipelineConfig
        {
            P4Info = Info(),
            Cookie = new ForwardingPipelineConfig.Types.Cookie { Cookie_ = 5 },
        };
        var (first, cookie) = await session.FetchPipelineAsync(default);
        Assert.Equal(5ul, cookie);
        Assert.Same(first, (await session.FetchPipelineAsync(default)).Pipeline);
        target.Behaviour.Loaded.P4Info.Tables[0].Size++;
        Assert.NotSame(first, (await session.FetchPipelineAsync(default)).Pipeline);
    }

    private Entry Member(uint id, ulong value) =>
        _pipeline.ActionProfile("balancer").Members.NewEntry().Exact("member_id", id).Action("to").Param("ptr", value).Build();

    private static ActionProfileMember ToProto(uint id, params byte[] value) => new()
    {
        ActionProfileId = 0x11000001,
        MemberId = id,
        Action = new P4.V1.Action
        {
            ActionId = 0x01000001,
            Params = { new P4.V1.Action.Types.Param { ParamId = 1, Value = Google.Protobuf.ByteString.CopyFrom(value) } },
        },
    };

    private static ActionProfileGroup Group(uint id, params uint[] members) => new()
    {
        ActionProfileId = 0x11000001,
        GroupId = id,
        MaxSize = 128,
        Members = { members.Select(m => new ActionProfileGroup.Types.Member { MemberId = m, Weight = 1 }) },
    };

    private static P4Info Info() => new()
    {
        Actions =
        {
            new Action
            {
                Preamble = new Preamble { Id = 0x01000001, Name = "c.to", Alias = "to" },
                Params = { new Action.Types.Param { Id = 1, Name = "ptr", Bitwidth = 24 } },
            },
        },
        Tables =
        {
            new Table
            {
                Preamble = new Preamble { Id = 0x02000001, Name = "c.balance", Alias = "balance" },
                MatchFields = { new MatchField { Id = 1, Name = "ip", Bitwidth = 32, MatchType = MatchField.Types.MatchType.Exact } },
                ActionRefs = { new ActionRef { Id = 0x01000001 } },
                ImplementationId = 0x11000001,
                Size = 10,
            },
        },
        ActionProfiles =
        {
            new ActionProfile
            {
                Preamble = new Preamble { Id = 0x11000001, Name = "c.balancer", Alias = "balancer" },
                WithSelector = true,
                Size = 1000,
                TableIds = { 0x02000001 },
            },
        },
    };
}
