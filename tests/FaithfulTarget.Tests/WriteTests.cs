using ACCOffload.FaithfulTarget.Tests.Support;
using Grpc.Core;
using P4.V1;
using static ACCOffload.FaithfulTarget.Tests.Support.RawClient;
using Kind = P4.V1.Update.Types.Type;

namespace ACCOffload.FaithfulTarget.Tests;

/// <summary>Behaviours 9, 10 and 13 to 15: writes.</summary>
public sealed class WriteTests
{
    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 2)]
    public async Task Modify_succeeds_but_changes_nothing(bool on, byte value)
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { IgnoresModify = on });
        await fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Row(SmallPipeline.First, 1, 1));
        await fixture.Client.WriteAsync(Kind.Modify, SmallPipeline.Row(SmallPipeline.First, 1, 2));
        Assert.Equal(value, SmallPipeline.ValueOf(Assert.Single(await fixture.Client.ReadTableAsync(SmallPipeline.First)).TableEntry));

        // DELETE and INSERT change the row.
        await fixture.Client.WriteAsync(Kind.Delete, SmallPipeline.Row(SmallPipeline.First, 1, 0));
        await fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Row(SmallPipeline.First, 1, 3));
        Assert.Equal(3, SmallPipeline.ValueOf(Assert.Single(fixture.Target.Rows["main.first"])));
        Assert.Equal(["INSERT main.first", "MODIFY main.first", "DELETE main.first", "INSERT main.first"],
            fixture.Target.Updates.Select(u => u.ToString()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rows_of_nested_tables_cannot_be_deleted(bool on)
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { RefusesNestedDeletes = on });
        var row = SmallPipeline.Row(SmallPipeline.Nested, 1, 1);
        await fixture.Client.WriteAsync(Kind.Insert, row);
        if (on)
        {
            await PartFailsAsync(StatusCode.Internal, () => fixture.Client.WriteAsync(Kind.Delete, row));
        }
        else
        {
            await fixture.Client.WriteAsync(Kind.Delete, row);
        }

        Assert.Equal(on ? 1 : 0, fixture.Target.Rows["main.nat.nested"].Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Learner_tables_are_hidden(bool on)
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { HidesLearnerTables = on });
        var row = SmallPipeline.Row(SmallPipeline.Learner, 1, 1);
        if (on)
        {
            await PartFailsAsync(StatusCode.Internal, () => fixture.Client.WriteAsync(Kind.Insert, row));
        }
        else
        {
            await fixture.Client.WriteAsync(Kind.Insert, row);
        }

        fixture.Target.Put(SmallPipeline.Row(SmallPipeline.Learner, 2, 2));
        Assert.Equal(on ? 0 : 2, (await fixture.Client.ReadTableAsync(SmallPipeline.Learner)).Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Reading_a_missing_row_by_key_is_not_found(bool on)
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { FailsReadsOfAbsentRows = on });
        await fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Row(SmallPipeline.First, 1, 1));
        Assert.Single(await fixture.Client.ReadAsync(KeyOf(1)));
        if (on)
        {
            await PartFailsAsync(StatusCode.NotFound, () => fixture.Client.ReadAsync(KeyOf(2)));
        }
        else
        {
            Assert.Empty(await fixture.Client.ReadAsync(KeyOf(2)));
        }

        static Entity KeyOf(byte key)
        {
            var row = SmallPipeline.Row(SmallPipeline.First, key, 0);
            row.Action = null;
            return new Entity { TableEntry = row };
        }
    }

    [Fact]
    public async Task Every_update_has_its_own_error()
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync();
        await fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Row(SmallPipeline.First, 1, 1));
        var malformed = SmallPipeline.Row(SmallPipeline.First, 5, 1);
        malformed.Priority = 3;
        var errors = await PartsAsync(() => fixture.Client.WriteAsync(
            One(Kind.Insert, 1), One(Kind.Insert, 2), One(Kind.Delete, 3), One(Kind.Modify, 4),
            new P4.V1.Update { Type = Kind.Insert, Entity = new Entity { TableEntry = malformed } }));
        Assert.Equal(
            [StatusCode.AlreadyExists, StatusCode.OK, StatusCode.NotFound, StatusCode.NotFound, StatusCode.InvalidArgument],
            errors.Select(e => (StatusCode)e.CanonicalCode));
        Assert.Equal(2, fixture.Target.Rows["main.first"].Count);
    }

    [Fact]
    public async Task Thousands_of_errors_fit_into_the_trailers()
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync();
        P4.V1.Update[] updates = [.. Enumerable.Range(0, 4096).Select(_ => One(Kind.Delete, 1))];
        var errors = await PartsAsync(() => fixture.Client.WriteAsync(updates));
        Assert.Equal(4096, errors.Count(e => e.CanonicalCode == (int)StatusCode.NotFound));
        Assert.Equal(4096, fixture.Target.Updates.Count);
    }

    [Fact]
    public async Task A_write_takes_effect_entry_by_entry()
    {
        await using var fixture = await TargetFixture.StartAsync(change: o => o with { CommitTime = TimeSpan.FromSeconds(20) });
        await fixture.Client.BidAsync();
        await fixture.Client.MakeTapAsync("TAP0");
        await fixture.Client.PushAsync();
        var writing = fixture.Client.WriteAsync(One(Kind.Insert, 1), One(Kind.Insert, 2));
        using var limit = new CancellationTokenSource(TargetFixture.Limit);
        while (fixture.Target.Rows["main.first"].Count == 0)
        {
            await Task.Delay(5, limit.Token);
        }

        Assert.Single(await fixture.Client.ReadTableAsync(SmallPipeline.First));
        await fixture.Target.KillAsync();
        await FailsAsync(StatusCode.Unavailable, () => writing);
    }

    [Fact]
    public async Task A_write_can_take_effect_as_a_whole()
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { CommitsEachEntry = false });
        Assert.Equal(2, (await PartsAsync(() => fixture.Client.WriteAsync(One(Kind.Insert, 1), One(Kind.Insert, 1)))).Length);
        Assert.Single(fixture.Target.Rows["main.first"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rollback_is_rejected(bool on)
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { RefusesRollback = on });
        var request = fixture.Client.Request(One(Kind.Insert, 1), One(Kind.Delete, 2));
        request.Atomicity = WriteRequest.Types.Atomicity.RollbackOnError;
        await FailsAsync(on ? StatusCode.InvalidArgument : StatusCode.Unknown, async () => await fixture.Client.P4.WriteAsync(request));
        Assert.Empty(fixture.Target.Rows["main.first"]);
        Assert.Equal(on ? 0 : 2, fixture.Target.Updates.Count);
    }

    [Fact]
    public async Task A_test_can_simulate_a_full_table()
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync();
        await fixture.Client.WriteAsync(One(Kind.Insert, 1));
        fixture.Target.Refuses = e => e.TableEntry is not null;
        await PartFailsAsync(StatusCode.ResourceExhausted, () => fixture.Client.WriteAsync(One(Kind.Insert, 2)));
        await fixture.Client.WriteAsync(One(Kind.Delete, 1));
        Assert.Empty(fixture.Target.Rows["main.first"]);
    }

    private static P4.V1.Update One(Kind kind, byte key) =>
        new() { Type = kind, Entity = new Entity { TableEntry = SmallPipeline.Row(SmallPipeline.First, key, 1) } };
}
