using ACCOffload.SoftTarget.Tests.Support;
using Google.Protobuf;
using Grpc.Core;
using P4.V1;
using static ACCOffload.SoftTarget.Tests.Support.Fields;
using UpdateType = P4.V1.Update.Types.Type;

namespace ACCOffload.SoftTarget.Tests.Server;

/// <summary>The P4Runtime specification's rules for table entries.</summary>
public sealed class WriteRuleTests(ConformanceFixture fixture) : IClassFixture<ConformanceFixture>
{
    private static readonly TestPipeline Pipeline = TestPipeline.Conformance;

    private TargetClient Client => fixture.Target.Client;

    private static TableEntry Bridge(ByteString mac, TableAction? action = null)
        => Pipeline.Entry("bridge", [Exact(1, mac)], action ?? Pipeline.Do("forward", 3));

    private static TableEntry Route(ulong address, int length, TableAction? action = null)
        => Pipeline.Entry("route", [Lpm(1, address, length)], action ?? Pipeline.Do("out_of", 2));

    private static TableEntry Access(int priority, params FieldMatch[] match)
        => Pipeline.Entry("access", [.. match, Exact(5, 1)], Pipeline.Do("discard"), priority);

    private async Task Fails(StatusCode code, string naming, TableEntry entry, UpdateType type = UpdateType.Insert)
    {
        var error = await Client.FailAsync(TargetClient.Of(type, entry));
        Assert.True((int)code == error.CanonicalCode, $"{(StatusCode)error.CanonicalCode}: {error.Message}");
        Assert.Contains(naming, error.Message, StringComparison.Ordinal);
        if (entry.TableId != 0 && type == UpdateType.Insert && code != StatusCode.AlreadyExists && entry.Match.Count > 0)
        {
            Assert.Equal((int)StatusCode.NotFound, await DeleteCodeAsync(entry));
        }
    }

    /// <summary>A rejected entry does not exist: if its key is valid, deleting it finds nothing.</summary>
    private async Task<int> DeleteCodeAsync(TableEntry entry)
    {
        var code = (await Client.FailAsync(TargetClient.Delete(entry))).CanonicalCode;
        return code is (int)StatusCode.InvalidArgument or (int)StatusCode.OutOfRange or (int)StatusCode.PermissionDenied
            ? (int)StatusCode.NotFound : code;
    }

    [Fact]
    public Task Unknown_table() => Fails(StatusCode.InvalidArgument, "table_id 1234", new TableEntry { TableId = 1234 });

    [Fact]
    public Task Missing_table() => Fails(StatusCode.InvalidArgument, "table_id", new TableEntry());

    [Fact]
    public Task Unknown_field()
        => Fails(StatusCode.InvalidArgument, "match field 9", Pipeline.Entry("bridge", [Exact(9, 1)], Pipeline.Do("flood_drop")));

    [Fact]
    public Task Field_twice()
        => Fails(StatusCode.InvalidArgument, "given twice",
            Pipeline.Entry("bridge", [Exact(1, 1), Exact(1, 2)], Pipeline.Do("flood_drop")));

    [Fact]
    public Task Exact_field_missing()
        => Fails(StatusCode.InvalidArgument, "dst_mac is missing", Pipeline.Entry("bridge", [], Pipeline.Do("flood_drop")));

    [Fact]
    public Task Field_without_a_match()
        => Fails(StatusCode.InvalidArgument, "no match",
            Pipeline.Entry("bridge", [new FieldMatch { FieldId = 1 }], Pipeline.Do("flood_drop")));

    [Fact]
    public Task Field_of_another_kind()
        => Fails(StatusCode.InvalidArgument, "is Exact, not Lpm",
            Pipeline.Entry("bridge", [Lpm(1, 0x0A00, 48)], Pipeline.Do("flood_drop")));

    [Fact]
    public Task Value_too_wide() => Fails(StatusCode.OutOfRange, "the value has 56 bits", Bridge(Bytes(0x80, 0, 0, 0, 0, 0, 0)));

    [Fact]
    public Task Value_one_bit_too_wide_for_a_narrow_field()
        => Fails(StatusCode.OutOfRange, "the value has 13 bits, the field has 12",
            Pipeline.Entry("access", [Exact(5, 0x1000)], Pipeline.Do("discard"), 1));

    [Fact]
    public Task Empty_value() => Fails(StatusCode.OutOfRange, "empty", Bridge(ByteString.Empty));

    [Fact]
    public async Task Leading_zeros_are_accepted_and_read_back_in_canonical_form()
    {
        var entry = Bridge(Bytes(0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34));
        await Client.WriteAsync(TargetClient.Insert(entry));
        Assert.Equal((int)StatusCode.AlreadyExists, (await Client.FailAsync(TargetClient.Insert(Bridge(Bytes(0x12, 0x34))))).CanonicalCode);
        var read = Assert.Single(await Client.ReadEntriesAsync(
            Bridge(Bytes(0x12, 0x34), new TableAction { Action = new P4.V1.Action { ActionId = Pipeline.Action("forward") } })));
        Assert.Equal(Bytes(0x12, 0x34), read.Match[0].Exact.Value);
        await Client.WriteAsync(TargetClient.Delete(entry));
    }

    [Fact]
    public Task Lpm_of_length_zero() => Fails(StatusCode.InvalidArgument, "must be omitted", Route(0, 0));

    [Fact]
    public Task Lpm_too_long() => Fails(StatusCode.InvalidArgument, "prefix length 33", Route(0x0A000000, 33));

    [Fact]
    public Task Lpm_negative() => Fails(StatusCode.InvalidArgument, "prefix length -1", Route(0x0A000000, -1));

    [Fact]
    public Task Lpm_with_bits_beyond_the_prefix() => Fails(StatusCode.InvalidArgument, "beyond prefix length 24", Route(0x0A000001, 24));

    [Fact]
    public async Task An_omitted_lpm_field_matches_everything()
    {
        var entry = Pipeline.Entry("route", [], Pipeline.Do("discard"));
        await Client.WriteAsync(TargetClient.Insert(entry));
        Assert.Equal((int)StatusCode.AlreadyExists, (await Client.FailAsync(TargetClient.Insert(entry))).CanonicalCode);
        Assert.Equal(entry, Assert.Single(await Client.ReadEntriesAsync(new TableEntry { TableId = entry.TableId })));
        await Client.WriteAsync(TargetClient.Delete(entry));
    }

    [Fact]
    public Task Ternary_with_a_zero_mask() => Fails(StatusCode.InvalidArgument, "zero mask", Access(1, Ternary(1, 0, 0)));

    [Fact]
    public Task Ternary_with_bits_outside_the_mask()
        => Fails(StatusCode.InvalidArgument, "outside the mask", Access(1, Ternary(1, 0x0A000001, 0xFFFFFF00)));

    [Fact]
    public Task Ternary_mask_too_wide() => Fails(StatusCode.OutOfRange, "field src_ip", Access(1, Ternary(1, 1, 0x1_FFFF_FFFF)));

    [Fact]
    public Task Range_reversed() => Fails(StatusCode.InvalidArgument, "above the high bound", Access(1, Fields.Range(3, 90, 80)));

    [Fact]
    public Task Range_over_everything() => Fails(StatusCode.InvalidArgument, "full range", Access(1, Fields.Range(3, 0, 0xFFFF)));

    [Fact]
    public Task Range_too_wide() => Fails(StatusCode.OutOfRange, "field dst_port", Access(1, Fields.Range(3, 1, 0x10000)));

    [Fact]
    public Task Optional_too_wide() => Fails(StatusCode.OutOfRange, "field protocol", Access(1, Optional(4, 256)));

    [Fact]
    public Task Priority_missing() => Fails(StatusCode.InvalidArgument, "priority must be above 0", Access(0, Optional(4, 6)));

    [Fact]
    public Task Priority_negative() => Fails(StatusCode.InvalidArgument, "priority must be above 0", Access(-1, Optional(4, 6)));

    [Fact]
    public Task Priority_in_a_table_without_priorities()
    {
        var entry = Bridge(Number(77));
        entry.Priority = 1;
        return Fails(StatusCode.InvalidArgument, "priority must be 0", entry);
    }

    [Fact]
    public async Task Priority_is_part_of_the_key()
    {
        await Client.WriteAsync(TargetClient.Insert(Access(1, Optional(4, 6))), TargetClient.Insert(Access(2, Optional(4, 6))));
        Assert.Equal((int)StatusCode.AlreadyExists, (await Client.FailAsync(TargetClient.Insert(Access(2, Optional(4, 6))))).CanonicalCode);
        await Client.WriteAsync(TargetClient.Delete(Access(1, Optional(4, 6))), TargetClient.Delete(Access(2, Optional(4, 6))));
    }

    [Fact]
    public async Task Insert_twice()
    {
        var entry = Bridge(Number(5));
        await Client.WriteAsync(TargetClient.Insert(entry));
        await Fails(StatusCode.AlreadyExists, "table bridge", Bridge(Number(5), Pipeline.Do("flood_drop")));
        await Client.WriteAsync(TargetClient.Delete(entry));
    }

    [Fact]
    public Task Modify_of_nothing() => Fails(StatusCode.NotFound, "table bridge", Bridge(Number(6)), UpdateType.Modify);

    [Fact]
    public Task Delete_of_nothing() => Fails(StatusCode.NotFound, "table bridge", Bridge(Number(6)), UpdateType.Delete);

    [Fact]
    public async Task Modify_replaces_the_action()
    {
        var entry = Bridge(Number(8));
        await Client.WriteAsync(TargetClient.Insert(entry));
        entry.Action = Pipeline.Do("flood_drop");
        await Client.WriteAsync(TargetClient.Modify(entry));
        Assert.Equal(entry, Assert.Single(await Client.ReadEntriesAsync(Pipeline.Entry("bridge", [Exact(1, 8)]))));
        var untouched = entry.Clone();
        untouched.Action = null;
        await Client.WriteAsync(TargetClient.Modify(untouched));
        Assert.Equal(entry, Assert.Single(await Client.ReadEntriesAsync(Pipeline.Entry("bridge", [Exact(1, 8)]))));
        await Client.WriteAsync(TargetClient.Delete(entry));
    }

    [Fact]
    public async Task Delete_uses_the_key_only()
    {
        var entry = Bridge(Number(9));
        await Client.WriteAsync(TargetClient.Insert(entry));
        var nonsense = entry.Clone();
        nonsense.Action = new TableAction { Action = new P4.V1.Action { ActionId = 4711 } };
        nonsense.IdleTimeoutNs = 5;
        nonsense.IsConst = true;
        await Client.WriteAsync(TargetClient.Delete(nonsense));
        Assert.Empty(await Client.ReadEntriesAsync(Pipeline.Entry("bridge", [Exact(1, 9)])));
    }

    [Fact]
    public Task Update_without_a_type() => Fails(StatusCode.InvalidArgument, "update type", Bridge(Number(10)), UpdateType.Unspecified);

    [Fact]
    public async Task Update_without_an_entity()
    {
        Assert.Equal((int)StatusCode.InvalidArgument, (await Client.FailAsync(new Update { Type = UpdateType.Insert })).CanonicalCode);
        Assert.Equal((int)StatusCode.InvalidArgument,
            (await Client.FailAsync(new Update { Type = UpdateType.Insert, Entity = new Entity() })).CanonicalCode);
    }

    [Fact]
    public Task Action_missing() => Fails(StatusCode.InvalidArgument, "action is missing", Pipeline.Entry("bridge", [Exact(1, 11)]));

    [Fact]
    public Task Action_empty() =>
        Fails(StatusCode.InvalidArgument, "action is empty", Pipeline.Entry("bridge", [Exact(1, 11)], new TableAction()));

    [Fact]
    public Task Action_of_another_table() => Fails(StatusCode.InvalidArgument, "no action", Bridge(Number(11), Pipeline.Do("discard")));

    [Fact]
    public Task Action_unknown()
        => Fails(StatusCode.InvalidArgument, "no action 4711",
            Bridge(Number(11), new TableAction { Action = new P4.V1.Action { ActionId = 4711 } }));

    [Fact]
    public Task Action_for_the_default_only()
        => Fails(StatusCode.PermissionDenied, "NoAction", Pipeline.Entry("ingress_port", [Exact(1, 1)], Pipeline.Do("NoAction")));

    [Fact]
    public Task Action_from_a_profile_in_a_table_without_one()
        => Fails(StatusCode.InvalidArgument, "no action profile", Bridge(Number(11), new TableAction { ActionProfileMemberId = 1 }));

    [Fact]
    public Task Parameter_missing() =>
        Fails(StatusCode.InvalidArgument, "parameter port is missing", Bridge(Number(11), Pipeline.Do("forward")));

    [Fact]
    public Task Unknown_parameter() =>
        Fails(StatusCode.InvalidArgument, "no parameter 2", Bridge(Number(11), Pipeline.Do("forward", 1, 2)));

    [Fact]
    public Task Parameter_twice()
    {
        var action = Pipeline.Do("forward", 1);
        action.Action.Params.Add(action.Action.Params[0].Clone());
        return Fails(StatusCode.InvalidArgument, "given twice", Bridge(Number(11), action));
    }

    [Fact]
    public Task Parameter_too_wide() =>
        Fails(StatusCode.OutOfRange, "parameter port", Bridge(Number(11), Pipeline.Do("forward", 0x1_0000_0000)));

    [Fact]
    public Task Parameter_one_bit_too_wide()
        => Fails(StatusCode.OutOfRange, "parameter hint", Pipeline.Entry("ingress_port", [Exact(1, 1)], Pipeline.Do("mark", 0xFFF, 0x200)));

    [Fact]
    public Task Parameter_empty()
    {
        var action = Pipeline.Do("forward", 1);
        action.Action.Params[0].Value = ByteString.Empty;
        return Fails(StatusCode.OutOfRange, "empty", Bridge(Number(11), action));
    }

    [Fact]
    public Task Learner_entries_cannot_be_written()
        => Fails(StatusCode.PermissionDenied, "filled by the data plane",
            Pipeline.Entry("flows", [Exact(1, 1), Exact(2, 2)], Pipeline.Do("pinned", 1)));

    [Fact]
    public Task Const_flag()
    {
        var entry = Bridge(Number(12));
        entry.IsConst = true;
        return Fails(StatusCode.InvalidArgument, "is_const", entry);
    }

    [Fact]
    public Task Idle_timeout_in_a_table_without_one()
    {
        var entry = Bridge(Number(12));
        entry.IdleTimeoutNs = 1;
        return Fails(StatusCode.InvalidArgument, "idle timeout", entry);
    }

    [Fact]
    public Task Time_since_last_hit()
    {
        var entry = Bridge(Number(12));
        entry.TimeSinceLastHit = new TableEntry.Types.IdleTimeout();
        return Fails(StatusCode.InvalidArgument, "time_since_last_hit", entry);
    }

    [Fact]
    public Task Counter_in_a_table_without_one()
    {
        var entry = Route(0x0A000000, 8);
        entry.CounterData = new CounterData();
        return Fails(StatusCode.InvalidArgument, "no direct counter", entry);
    }

    [Fact]
    public async Task A_full_table_accepts_no_more()
    {
        var entries = Enumerable.Range(1, 8)
            .Select(i => Pipeline.Entry("ingress_port", [Exact(1, (ulong)i)], Pipeline.Do("discard"))).ToList();
        await Client.P4.WriteAsync(TargetClient.Request(entries.Select(TargetClient.Insert)));
        await Fails(StatusCode.ResourceExhausted, "table ingress_port is full",
            Pipeline.Entry("ingress_port", [Exact(1, 9)], Pipeline.Do("discard")));
        await Client.WriteAsync(
            TargetClient.Delete(entries[0]), TargetClient.Insert(Pipeline.Entry("ingress_port", [Exact(1, 9)], Pipeline.Do("discard"))));
        await Client.P4.WriteAsync(TargetClient.Request(entries.Skip(1).Select(TargetClient.Delete)));
        await Client.WriteAsync(TargetClient.Delete(Pipeline.Entry("ingress_port", [Exact(1, 9)])));
    }

    [Fact]
    public async Task Metadata_is_read_back()
    {
        var entry = Bridge(Number(13));
        entry.Metadata = Bytes(1, 2, 3);
        await Client.WriteAsync(TargetClient.Insert(entry));
        var key = Pipeline.Entry("bridge", [Exact(1, 13)]);
        Assert.Equal(entry, Assert.Single(await Client.ReadEntriesAsync(key)));
        var other = Bridge(Number(14));
        await Client.WriteAsync(TargetClient.Insert(other));
        var filter = new TableEntry { TableId = entry.TableId, Metadata = Bytes(1, 2, 3) };
        Assert.Equal(entry, Assert.Single(await Client.ReadEntriesAsync(filter)));
        entry.Metadata = ByteString.Empty;
        await Client.WriteAsync(TargetClient.Modify(entry));
        Assert.Equal(entry, Assert.Single(await Client.ReadEntriesAsync(key)));
        await Client.WriteAsync(TargetClient.Delete(entry), TargetClient.Delete(other));
    }
}
