using ACCOffload.FaithfulTarget.Tests.Support;
using Grpc.Core;
using P4.V1;
using static ACCOffload.FaithfulTarget.Tests.Support.RawClient;
using Kind = P4.V1.Update.Types.Type;

namespace ACCOffload.FaithfulTarget.Tests;

/// <summary>Behaviours 11 and 12: counters.</summary>
public sealed class CounterTests
{
    private static readonly CounterData Some = new() { PacketCount = 5, ByteCount = 500 };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Indirect_counters_are_read_by_index(bool on)
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { RefusesCounterWildcards = on });
        fixture.Target.Count("main.drops", 2, Some);
        var all = new Entity { CounterEntry = new CounterEntry { CounterId = SmallPipeline.Drops } };
        if (on)
        {
            await PartFailsAsync(StatusCode.Internal, () => fixture.Client.ReadAsync(all));
        }
        else
        {
            Assert.Equal([0L, 0, 5, 0], (await fixture.Client.ReadAsync(all)).Select(e => e.CounterEntry.Data.PacketCount));
        }

        all.CounterEntry.Index = new P4.V1.Index { Index_ = 2 };
        Assert.Equal(Some, Assert.Single(await fixture.Client.ReadAsync(all)).CounterEntry.Data);
    }

    [Fact]
    public async Task Row_counters_of_the_first_table_are_read_by_key()
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync();
        var asked = await CountedRowAsync(fixture, SmallPipeline.First);
        Assert.Equal(Some, Assert.Single(await fixture.Client.ReadAsync(asked)).DirectCounterEntry.Data);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Row_counters_of_other_tables_cannot_be_read(bool on)
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { CountsFirstTableOnly = on });
        var asked = await CountedRowAsync(fixture, SmallPipeline.Second);
        if (on)
        {
            await PartFailsAsync(StatusCode.Internal, () => fixture.Client.ReadAsync(asked));
        }
        else
        {
            Assert.Equal(Some, Assert.Single(await fixture.Client.ReadAsync(asked)).DirectCounterEntry.Data);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Row_counters_of_packets_only_cannot_be_read(bool on)
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours
        {
            RefusesPacketOnlyRowCounters = on,
            CountsFirstTableOnly = false
        });
        var asked = await CountedRowAsync(fixture, SmallPipeline.Packets);
        if (on)
        {
            Assert.Equal("'dataFieldInfoBytes' must be non-null",
                await PartFailsAsync(StatusCode.Internal, () => fixture.Client.ReadAsync(asked)));
        }
        else
        {
            Assert.Equal(Some, Assert.Single(await fixture.Client.ReadAsync(asked)).DirectCounterEntry.Data);
        }

        // Reading the rows themselves works if the request does not ask for counters.
        Assert.Single(await fixture.Client.ReadTableAsync(SmallPipeline.Packets));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Row_counters_cannot_be_read_without_a_key(bool on)
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { RefusesRowCounterWildcards = on });
        var asked = await CountedRowAsync(fixture, SmallPipeline.First);
        asked.DirectCounterEntry.TableEntry.Match.Clear();
        if (on)
        {
            await FailsAsync(StatusCode.Unknown, () => fixture.Client.ReadAsync(asked));
        }
        else
        {
            Assert.Equal(Some, Assert.Single(await fixture.Client.ReadAsync(asked)).DirectCounterEntry.Data);
        }
    }

    private static async Task<Entity> CountedRowAsync(TargetFixture fixture, uint table)
    {
        var row = SmallPipeline.Row(table, 1, 1);
        await fixture.Client.WriteAsync(Kind.Insert, row);
        fixture.Target.Count(row, Some);
        row.Action = null;
        return new Entity { DirectCounterEntry = new DirectCounterEntry { TableEntry = row } };
    }
}
