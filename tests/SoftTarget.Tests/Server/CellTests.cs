using ACCOffload.SoftTarget.Tests.Support;
using Grpc.Core;
using P4.V1;
using static ACCOffload.SoftTarget.Tests.Support.Fields;
using UpdateType = P4.V1.Update.Types.Type;

namespace ACCOffload.SoftTarget.Tests.Server;

/// <summary>Counters, direct counters and registers, and default entries.</summary>
public sealed class CellTests(ConformanceFixture fixture) : IClassFixture<ConformanceFixture>
{
    private static readonly TestPipeline Pipeline = TestPipeline.Conformance;

    private TargetClient Client => fixture.Target.Client;

    private static Update Modify(CounterEntry entry, UpdateType type = UpdateType.Modify)
        => new() { Type = type, Entity = new Entity { CounterEntry = entry } };

    private static Update Modify(RegisterEntry entry, UpdateType type = UpdateType.Modify)
        => new() { Type = type, Entity = new Entity { RegisterEntry = entry } };

    private static CounterEntry Seen(long? index, long packets = 0, long bytes = 0) => new()
    {
        CounterId = Pipeline.Counter("seen"),
        Index = index is null ? null : new P4.V1.Index { Index_ = index.Value },
        Data = new CounterData { PacketCount = packets, ByteCount = bytes },
    };

    private async Task Fails(StatusCode code, Update update)
    {
        var error = await Client.FailAsync(update);
        Assert.True((int)code == error.CanonicalCode, $"{(StatusCode)error.CanonicalCode}: {error.Message}");
    }

    private async Task ReadFails(StatusCode code, Entity entity)
    {
        var e = await Assert.ThrowsAsync<RpcException>(() => Client.ReadAsync(entity));
        Assert.Equal(StatusCode.Unknown, e.StatusCode);
        Assert.Equal((int)code, Assert.Single(TargetClient.Details(e)).CanonicalCode);
    }

    [Fact]
    public async Task Counter_cells_are_written_and_read()
    {
        await Client.WriteAsync(Modify(Seen(3, 7, 900)), Modify(Seen(4, long.MaxValue, 1)));
        var cell = Assert.Single(await Client.ReadAsync(new Entity { CounterEntry = Seen(3) })).CounterEntry;
        Assert.Equal(Seen(3, 7, 900), cell);
        var all = await Client.ReadAsync(new Entity { CounterEntry = new CounterEntry { CounterId = Pipeline.Counter("seen") } });
        Assert.Equal(16, all.Count);
        Assert.Equal(Seen(4, long.MaxValue, 1), all[4].CounterEntry);
        Assert.Equal(32, (await Client.ReadAsync(new Entity { CounterEntry = new CounterEntry() })).Count);
        await Client.WriteAsync(Modify(Seen(null, 1, 2)));
        Assert.All(
            await Client.ReadAsync(new Entity { CounterEntry = new CounterEntry { CounterId = Pipeline.Counter("seen") } }),
            c => Assert.Equal(1, c.CounterEntry.Data.PacketCount));
        var untouched = Seen(2);
        untouched.Data = null;
        await Client.WriteAsync(Modify(untouched));
        Assert.Equal(Seen(2, 1, 2), Assert.Single(await Client.ReadAsync(new Entity { CounterEntry = Seen(2) })).CounterEntry);
    }

    [Fact]
    public async Task Counter_rules_are_enforced()
    {
        await Fails(StatusCode.InvalidArgument, Modify(Seen(1), UpdateType.Insert));
        await Fails(StatusCode.InvalidArgument, Modify(Seen(1), UpdateType.Delete));
        await Fails(StatusCode.InvalidArgument, Modify(Seen(-1)));
        await Fails(StatusCode.OutOfRange, Modify(Seen(16)));
        await Fails(StatusCode.InvalidArgument, Modify(new CounterEntry { CounterId = 5 }));
        await ReadFails(StatusCode.InvalidArgument, new Entity { CounterEntry = new CounterEntry { CounterId = 5 } });
        await ReadFails(StatusCode.OutOfRange, new Entity { CounterEntry = Seen(16) });
    }

    [Fact]
    public async Task A_rolled_back_counter_keeps_its_value()
    {
        await Client.WriteAsync(Modify(Seen(9, 5, 5)));
        var request = TargetClient.Request(Modify(Seen(9, 1, 1)), Modify(Seen(99)));
        request.Atomicity = WriteRequest.Types.Atomicity.RollbackOnError;
        await Client.ErrorsAsync(request);
        Assert.Equal(Seen(9, 5, 5), Assert.Single(await Client.ReadAsync(new Entity { CounterEntry = Seen(9) })).CounterEntry);
    }

    [Fact]
    public async Task Registers_are_written_and_read()
    {
        RegisterEntry Note(long? index, ulong value) => new()
        {
            RegisterId = Pipeline.Register("notes"),
            Index = index is null ? null : new P4.V1.Index { Index_ = index.Value },
            Data = new P4Data { Bitstring = Number(value) },
        };
        await Client.WriteAsync(Modify(Note(null, 5)), Modify(Note(3, 0xFFFFFFFF)));
        var all = await Client.ReadAsync(new Entity { RegisterEntry = new RegisterEntry { RegisterId = Pipeline.Register("notes") } });
        Assert.Equal(8, all.Count);
        Assert.Equal(Note(3, 0xFFFFFFFF), all[3].RegisterEntry);
        Assert.Equal(Note(7, 5), all[7].RegisterEntry);
        await Fails(StatusCode.OutOfRange, Modify(Note(3, 0x1_0000_0000)));
        await Fails(StatusCode.OutOfRange, Modify(Note(8, 1)));
        await Fails(StatusCode.InvalidArgument, Modify(Note(-1, 1)));
        await Fails(StatusCode.InvalidArgument, Modify(Note(1, 1), UpdateType.Insert));
        await Fails(StatusCode.InvalidArgument, Modify(new RegisterEntry { RegisterId = Pipeline.Register("notes") }));
    }

    [Fact]
    public async Task Direct_counters_exist_as_long_as_their_entry()
    {
        var entry = Pipeline.Entry("bridge", [Exact(1, 0x55)], Pipeline.Do("forward", 1));
        var counted = entry.Clone();
        counted.CounterData = new CounterData { PacketCount = 4, ByteCount = 400 };
        await Client.WriteAsync(TargetClient.Insert(counted));
        var filter = Pipeline.Entry("bridge", [Exact(1, 0x55)]);
        Assert.Equal(entry, Assert.Single(await Client.ReadEntriesAsync(filter)));
        filter.CounterData = new CounterData();
        Assert.Equal(counted, Assert.Single(await Client.ReadEntriesAsync(filter)));

        var direct = new DirectCounterEntry
        {
            TableEntry = Pipeline.Entry("bridge", [Exact(1, 0x55)]),
            Data = new CounterData { PacketCount = 9 },
        };
        await Client.WriteAsync(new Update { Type = UpdateType.Modify, Entity = new Entity { DirectCounterEntry = direct } });
        Assert.Equal(direct, Assert.Single(await Client.ReadAsync(new Entity { DirectCounterEntry = direct })).DirectCounterEntry);
        Assert.Single(await Client.ReadAsync(new Entity { DirectCounterEntry = new DirectCounterEntry() }));
        await Fails(
            StatusCode.InvalidArgument, new Update { Type = UpdateType.Insert, Entity = new Entity { DirectCounterEntry = direct } });

        await Client.WriteAsync(TargetClient.Delete(entry));
        await Fails(StatusCode.NotFound, new Update { Type = UpdateType.Modify, Entity = new Entity { DirectCounterEntry = direct } });
        await ReadFails(StatusCode.NotFound, new Entity { DirectCounterEntry = direct });
        await Client.WriteAsync(TargetClient.Insert(entry));
        Assert.Equal(new CounterData(), Assert.Single(await Client.ReadEntriesAsync(filter)).CounterData);
        await Client.WriteAsync(TargetClient.Delete(entry));
    }

    [Fact]
    public async Task A_default_entry_is_modified_reset_and_read()
    {
        var id = Pipeline.Table("bridge").Preamble.Id;
        var original = new TableEntry { TableId = id, IsDefaultAction = true, Action = Pipeline.Do("flood_drop") };
        var filter = new TableEntry { TableId = id, IsDefaultAction = true };
        Assert.Equal(original, Assert.Single(await Client.ReadEntriesAsync(filter)));
        var changed = new TableEntry { TableId = id, IsDefaultAction = true, Action = Pipeline.Do("forward", 6), Metadata = Bytes(5) };
        await Client.WriteAsync(TargetClient.Modify(changed));
        Assert.Equal(changed, Assert.Single(await Client.ReadEntriesAsync(filter)));
        await Client.WriteAsync(TargetClient.Modify(filter));
        Assert.Equal(original, Assert.Single(await Client.ReadEntriesAsync(filter)));
    }

    [Fact]
    public async Task Default_entry_rules_are_enforced()
    {
        TableEntry Default(string table, TableAction? action) =>
            new() { TableId = Pipeline.Table(table).Preamble.Id, IsDefaultAction = true, Action = action };
        await Fails(StatusCode.InvalidArgument, TargetClient.Insert(Default("bridge", Pipeline.Do("flood_drop"))));
        await Fails(StatusCode.InvalidArgument, TargetClient.Delete(Default("bridge", null)));
        await Fails(StatusCode.PermissionDenied, TargetClient.Modify(Default("route", Pipeline.Do("discard"))));
        await Fails(StatusCode.PermissionDenied, TargetClient.Modify(Default("service", null)));
        await Fails(StatusCode.PermissionDenied, TargetClient.Modify(Default("flows", null)));
        await Fails(StatusCode.PermissionDenied, TargetClient.Modify(Default("ingress_port", Pipeline.Do("deny"))));
        var keyed = Default("bridge", null);
        keyed.Match.Add(Exact(1, 1));
        await Fails(StatusCode.InvalidArgument, TargetClient.Modify(keyed));
        var weighed = Default("bridge", null);
        weighed.Priority = 1;
        await Fails(StatusCode.InvalidArgument, TargetClient.Modify(weighed));
        Assert.Equal(Default("flows", Pipeline.Do("learn")), Assert.Single(await Client.ReadEntriesAsync(Default("flows", null))));
    }
}
