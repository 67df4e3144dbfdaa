using ACCOffload.SoftTarget.Tests.Support;
using Grpc.Core;
using P4.V1;
using static ACCOffload.SoftTarget.Tests.Support.Fields;

namespace ACCOffload.SoftTarget.Tests.Server;

/// <summary>Reads: wildcards, filters, errors, size and consistency.</summary>
public sealed class ReadTests(ConformanceFixture fixture) : IClassFixture<ConformanceFixture>
{
    private static readonly TestPipeline Pipeline = TestPipeline.Conformance;

    private TargetClient Client => fixture.Target.Client;

    private static TableEntry Access(int priority, ulong low, ulong high)
        => Pipeline.Entry("access", [Fields.Range(3, low, high), Exact(5, 1)], Pipeline.Do("discard"), priority);

    private async Task WithAsync(IReadOnlyList<TableEntry> entries, Func<Task> body)
    {
        await Client.P4.WriteAsync(TargetClient.Request(entries.Select(TargetClient.Insert)));
        try
        {
            await body();
        }
        finally
        {
            await Client.P4.WriteAsync(TargetClient.Request(entries.Select(TargetClient.Delete)));
        }
    }

    [Fact]
    public async Task A_wildcard_reads_all_tables()
    {
        TableEntry[] entries =
        [
            Pipeline.Entry("bridge", [Exact(1, 1)], Pipeline.Do("forward", 1)),
            Pipeline.Entry("route", [Lpm(1, 0x0A000000, 8)], Pipeline.Do("out_of", 0)),
            Pipeline.Entry("access", [Ternary(1, 0x01000000, 0xFF000000), Optional(4, 6), Exact(5, 0)], Pipeline.Do("mark", 1, 2), 3),
            Access(1, 80, 90),
        ];
        await WithAsync(entries, async () =>
        {
            var read = await Client.ReadEntriesAsync(new TableEntry());
            Assert.Equal(entries.Select(e => e.ToString()).Order(), read.Select(e => e.ToString()).Order());
        });
    }

    [Fact]
    public async Task Filters_select()
    {
        TableEntry[] entries = [Access(1, 80, 90), Access(2, 80, 90), Access(2, 443, 443)];
        entries[2].Action = Pipeline.Do("NoAction");
        await WithAsync(entries, async () =>
        {
            var id = entries[0].TableId;
            Assert.Equal(3, (await Client.ReadEntriesAsync(new TableEntry { TableId = id })).Count);
            Assert.Equal(2, (await Client.ReadEntriesAsync(new TableEntry { TableId = id, Priority = 2 })).Count);
            Assert.Equal(entries[2],
                Assert.Single(await Client.ReadEntriesAsync(new TableEntry { TableId = id, Action = Pipeline.Do("NoAction") })));
            var key = Access(2, 80, 90);
            key.Action = null;
            Assert.Equal(entries[1], Assert.Single(await Client.ReadEntriesAsync(key)));
            key.Priority = 0;
            Assert.Equal(2, (await Client.ReadEntriesAsync(key)).Count);
            Assert.Empty(await Client.ReadEntriesAsync(Access(7, 80, 90)));
        });
    }

    [Fact]
    public async Task Invalid_requests_are_reported_along_with_the_answers_to_valid_ones()
    {
        TableEntry[] entries = [Pipeline.Entry("bridge", [Exact(1, 1)], Pipeline.Do("forward", 1))];
        await WithAsync(entries, async () =>
        {
            var request = new ReadRequest
            {
                DeviceId = 1,
                Entities =
                {
                    new Entity { TableEntry = new TableEntry { TableId = 99 } },
                    new Entity { TableEntry = new TableEntry { TableId = entries[0].TableId } },
                    new Entity(),
                    new Entity { TableEntry = new TableEntry { Priority = 4 } },
                },
            };
            using var call = Client.P4.Read(request);
            Assert.True(await call.ResponseStream.MoveNext(default));
            Assert.Equal(entries[0], Assert.Single(call.ResponseStream.Current.Entities).TableEntry);
            var e = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
            Assert.Equal(
                [StatusCode.InvalidArgument, StatusCode.OK, StatusCode.InvalidArgument, StatusCode.InvalidArgument],
                TargetClient.Details(e).Select(d => (StatusCode)d.CanonicalCode));
        });
    }

    [Theory]
    [InlineData(0, StatusCode.InvalidArgument)]
    [InlineData(2, StatusCode.NotFound)]
    public async Task Another_device_is_refused(ulong device, StatusCode expected)
    {
        using var call = Client.P4.Read(new ReadRequest { DeviceId = device });
        Assert.Equal(expected, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default))).StatusCode);
    }

    [Fact]
    public async Task Overlapping_ranges_of_one_priority_are_separate_entries()
    {
        TableEntry[] entries = [Access(1, 2, 5), Access(1, 2, 3), Access(1, 0, 3), Access(1, 1, 0xFFFE)];
        await WithAsync(entries, async () =>
        {
            var read = await Client.ReadEntriesAsync(new TableEntry { TableId = entries[0].TableId });
            Assert.Equal(entries.Select(e => e.ToString()).Order(), read.Select(e => e.ToString()).Order());
        });
        Assert.Empty(await Client.ReadEntriesAsync(new TableEntry { TableId = entries[0].TableId }));
    }

    [Fact]
    public async Task A_large_table_comes_in_messages_below_four_megabytes()
    {
        await using var target = await TestTarget.StartAsync(SmallPipelines.BigTable);
        var pipeline = SmallPipelines.BigTable;
        var entries = Enumerable.Range(0, 100_000)
            .Select(i => pipeline.Entry("big", [Exact(1, (ulong)i)], pipeline.Do("out_of", (ulong)i)));
        foreach (var batch in entries.Chunk(20_000))
        {
            await target.Client.P4.WriteAsync(TargetClient.Request(batch.Select(TargetClient.Insert)));
        }

        var read = await target.Client.ReadEntriesAsync(new TableEntry());
        Assert.Equal(100_000, read.Count);
        Assert.Equal(100_000, read.Select(e => e.Match[0].Exact.Value).Distinct().Count());
        Assert.All(read, e => Assert.Equal(e.Match[0].Exact.Value, e.Action.Action.Params[0].Value));
    }

    [Fact]
    public async Task A_read_sees_whole_batches()
    {
        await using var target = await TestTarget.StartAsync(SmallPipelines.BigTable);
        var pipeline = SmallPipelines.BigTable;
        TableEntry Entry(int i, int version) => pipeline.Entry("big", [Exact(1, (ulong)i)], pipeline.Do("out_of", (ulong)version));
        await target.Client.P4.WriteAsync(TargetClient.Request(Enumerable.Range(0, 5000).Select(i => TargetClient.Insert(Entry(i, 0)))));
        using var stop = new CancellationTokenSource();
        var writer = Task.Run(async () =>
        {
            for (var version = 1; !stop.IsCancellationRequested; version++)
            {
                await target.Client.P4.WriteAsync(
                    TargetClient.Request(Enumerable.Range(0, 5000).Select(i => TargetClient.Modify(Entry(i, version)))));
            }
        });
        for (var i = 0; i < 20; i++)
        {
            var read = await target.Client.ReadEntriesAsync(new TableEntry());
            Assert.Equal(5000, read.Count);
            Assert.Single(read.Select(e => e.Action.Action.Params[0].Value).Distinct());
        }

        await stop.CancelAsync();
        await writer;
    }
}
