using ACCOffload.InfraManager.Programming.Compile;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Programming;

public class TableStateTests
{
    private static readonly Pipeline Pipeline = TestPipeline.Artifacts.Pipeline;
    private static readonly OwnerId A = OwnerId.OfEndpoint(1);
    private static readonly OwnerId B = OwnerId.OfEndpoint(2);
    private readonly TableState _tables = new(K8sTableOrder.Instance);

    [Fact]
    public void Identical_rows_are_shared_and_deleted_with_the_last_owner()
    {
        Assert.Null(_tables.Acquire(A, [Route(1, 5), Route(2, 5)]));
        Assert.Null(_tables.Acquire(B, [Route(2, 5)]));
        Assert.Equal(2, _tables.DesiredCount);
        WriteAll(2);
        _tables.Release(A);
        var delete = Assert.Single(_tables.Plan().All);
        Assert.Equal("DELETE pods dst_ip=10.244.0.1", delete.ToString());
        WriteAll(1);
        _tables.Release(B);
        WriteAll(1);
        Assert.Equal((0L, 0), (_tables.DesiredCount, _tables.DirtyCount));
    }

    [Fact]
    public void Conflicting_rows_are_refused_and_change_nothing()
    {
        Assert.Null(_tables.Acquire(A, [Route(1, 5)]));
        Assert.NotNull(_tables.Acquire(B, [Route(2, 6), Route(1, 6)]));
        Assert.Equal(1, _tables.DesiredCount);
        Assert.DoesNotContain(B, _tables.Owners);
    }

    [Fact]
    public void A_changed_row_is_modified_and_an_unchanged_one_is_not_written()
    {
        _tables.Acquire(A, [Route(1, 5)]);
        WriteAll(1);
        _tables.Release(A);
        _tables.Acquire(A, [Route(1, 5)]);
        Assert.Empty(_tables.Plan().All);
        _tables.Release(A);
        _tables.Acquire(A, [Route(1, 6)]);
        Assert.Equal(UpdateKind.Modify, Assert.Single(_tables.Plan().All).Kind);
        Assert.False(_tables.IsProgrammed(A));
        WriteAll(1);
        Assert.True(_tables.IsProgrammed(A));
    }

    [Fact]
    public void Rows_of_an_updated_owner_are_deleted_last()
    {
        _tables.Acquire(A, [Route(1, 5)]);
        _tables.Acquire(B, [Route(2, 5)]);
        WriteAll(2);
        _tables.Release(A);
        _tables.Release(B);
        _tables.Acquire(B, [Route(3, 5)]);
        var plan = _tables.Plan();
        Assert.Equal(
            ("DELETE pods dst_ip=10.244.0.1", "DELETE pods dst_ip=10.244.0.2"),
            ($"{Assert.Single(plan.Removals)}", $"{Assert.Single(plan.Superseded)}"));
        Assert.Single(plan.Changes);
    }

    [Fact]
    public void The_read_back_detects_missing_changed_and_foreign_rows()
    {
        _tables.Acquire(A, [Route(1, 5), Route(2, 5), Route(3, 5)]);
        _tables.BeginReadBack(Pipeline.Tables);
        _tables.Seen(Route(1, 5));
        _tables.Seen(Route(2, 9));
        _tables.Seen(Route(4, 5));
        _tables.EndReadBack();
        Assert.Equal(
            ["DELETE pods dst_ip=10.244.0.4", "INSERT pods dst_ip=10.244.0.3", "MODIFY pods dst_ip=10.244.0.2"],
            _tables.Plan().All.Select(u => u.ToString().Split(" ->")[0]).Order());
    }

    [Fact]
    public void Refused_rows_are_not_retried_until_requested_or_changed()
    {
        _tables.Acquire(A, [Route(1, 5)]);
        _tables.Refused(_tables.Plan().All.First());
        Assert.Empty(_tables.Plan().All);
        Assert.True(_tables.RetryRefused());
        _tables.Refused(Assert.Single(_tables.Plan().All));
        _tables.Release(A);
        _tables.Acquire(A, [Route(1, 5)]);
        Assert.Single(_tables.Plan().All);
    }

    [Fact]
    public void A_row_with_unknown_outcome_is_modified_or_deleted()
    {
        _tables.Acquire(A, [Route(1, 5)]);
        _tables.Doubt(_tables.Plan().All.First());
        Assert.Equal(UpdateKind.Modify, _tables.Plan().All.First().Kind);
        _tables.Release(A);
        var delete = Assert.Single(_tables.Plan().All);
        Assert.Equal(UpdateKind.Delete, delete.Kind);
        _tables.FoundAbsent(delete.Entry.Key);
        Assert.Equal(0, _tables.DirtyCount);
    }

    [Fact]
    public void The_target_matches_the_owners_after_any_sequence_of_operations()
    {
        // Each operation: an owner takes a set of rows (or none), the target is found changed, or the pending changes are written.
        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 7], Gen.Int[0, 255]).List[1, 60].Sample(
            operations =>
            {
                var tables = new TableState(K8sTableOrder.Instance);
                var owners = new Dictionary<int, Entry[]>();
                var target = new Dictionary<EntryKey, Entry>();
                foreach ((var kind, var who, var bits) in operations)
                {
                    switch (kind)
                    {
                        case <= 2:
                            Entry[] entries = [.. Enumerable.Range(0, 8).Where(i => (bits & (1 << i)) != 0)
                                .Select(i => Route(i, i < 4 ? 1 : who))];
                            tables.Release(OwnerId.OfEndpoint(who));
                            owners.Remove(who);
                            var conflicts = entries.Any(e => owners.Values.Any(o => o.Any(x => x.Key == e.Key && !x.SameAs(e))));
                            Assert.Equal(conflicts, tables.Acquire(OwnerId.OfEndpoint(who), entries) is not null);
                            if (!conflicts)
                            {
                                owners[who] = entries;
                            }

                            break;
                        case 3:
                            var drift = Route(who, bits);
                            target.Remove(drift.Key);
                            if (bits % 2 == 0)
                            {
                                target.Add(drift.Key, drift);
                            }

                            tables.BeginReadBack(Pipeline.Tables);
                            foreach (var entry in target.Values)
                            {
                                tables.Seen(entry);
                            }

                            tables.EndReadBack();
                            break;
                        default:
                            Write(tables, target);
                            break;
                    }
                }

                Write(tables, target);
                var wanted = owners.Values.SelectMany(o => o).DistinctBy(e => e.Key).ToDictionary(e => e.Key);
                Assert.Equal(wanted.Count, target.Count);
                Assert.All(wanted, w => Assert.True(target[w.Key].SameAs(w.Value)));
                Assert.Equal((wanted.Count, 0), ((int)tables.DesiredCount, tables.DirtyCount));
                Assert.Equal((wanted.Count, 0),
                    ((int)tables.Tally.Tables.Sum(t => t.Wanted), (int)tables.Tally.Tables.Sum(t => t.Differences)));
            },
            iter: 2000);
    }

    [Fact]
    public void Writes_are_ordered_by_rank_and_limited_in_size()
    {
        EntryUpdate Update(UpdateKind kind, Entry entry) => new(kind, entry);
        var compiler = new EndpointCompiler(Pipeline, TestNode.Settings);
        var updates = new List<EntryUpdate>();
        for (var i = 1; i <= 10; i++)
        {
            foreach (var entry in compiler.Compile(new Endpoint(i, TestNode.Pod(i), true), (uint)i))
            {
                updates.Add(Update((UpdateKind)(1 + (i % 3)), entry));
            }
        }

        var writes = WritePlan.Order([.. updates], K8sTableOrder.Instance, 4);
        Assert.All(writes, w => Assert.InRange(w.Length, 1, 4));
        Assert.All(writes, w => Assert.Single(w.ToArray().Select(Step).Distinct()));
        Assert.Equal(writes.Select(w => Step(w.Span[0])), writes.Select(w => Step(w.Span[0])).Order());
        Assert.Equal(updates.Select(u => u.ToString()).Order(), writes.SelectMany(w => w.ToArray()).Select(u => u.ToString()).Order());

        static int Step(EntryUpdate u) =>
            u.Kind == UpdateKind.Delete ? -1 - K8sTableOrder.Instance.Of(u.Entry.Table) : K8sTableOrder.Instance.Of(u.Entry.Table);
    }

    private static Entry Route(int ip, int port) =>
        Pipeline.Table("pods").NewEntry().Exact("dst_ip", TestNode.Ip(ip).GetAddressBytes()).Action("to_pod")
        .Param("port", (ulong)port).Param("src_mac", 1).Param("dst_mac", 2).Build();

    private static void Write(TableState tables, Dictionary<EntryKey, Entry> target)
    {
        foreach (var update in tables.Plan().All)
        {
            Assert.Equal(update.Kind != UpdateKind.Insert, target.Remove(update.Entry.Key));
            if (update.Kind != UpdateKind.Delete)
            {
                target.Add(update.Entry.Key, update.Entry);
            }

            tables.Applied(update);
        }
    }

    private void WriteAll(int expected)
    {
        List<EntryUpdate> updates = [.. _tables.Plan().All];
        Assert.Equal(expected, updates.Count);
        updates.ForEach(_tables.Applied);
    }
}
