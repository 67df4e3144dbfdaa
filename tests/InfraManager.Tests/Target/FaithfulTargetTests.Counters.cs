using ACCOffload.FaithfulTarget;
using ACCOffload.P4Runtime.Channels;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.InfraManager.Tests.Target;

/// <content>Which counters, registers and learned entries ctl can read.</content>
public sealed partial class FaithfulTargetTests
{
    [Fact]
    public async Task Counters_are_read_by_index()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();
        _target.Count("k8s_dp_control.drops", 3, new CounterData { PacketCount = 7 });
        var counter = _view.Pipeline!.Counters.Single(c => c.Alias == "drops");

        var cells = await _view.ReadCountersAsync(counter, default);

        Assert.Equal((counter.Size, 7L), (cells.Count, cells[3].Packets));
    }

    [Theory]
    [InlineData(nameof(FaithfulBehaviours.RefusesRowCounterWildcards))]
    [InlineData(nameof(FaithfulBehaviours.RefusesPacketOnlyRowCounters))]
    [InlineData(nameof(FaithfulBehaviours.CountsFirstTableOnly))]
    public async Task Row_counters_are_reported_as_unavailable(string behaviour)
    {
        // The version identifies the kind of target.
        var only = FaithfulBehaviours.None with { ReportsMacroNameAsVersion = true };
        await StartAsync(behaviour switch
        {
            nameof(only.RefusesRowCounterWildcards) => only with { RefusesRowCounterWildcards = true },
            nameof(only.RefusesPacketOnlyRowCounters) => only with { RefusesPacketOnlyRowCounters = true },
            _ => only with { CountsFirstTableOnly = true },
        });
        await ReadyAsync();

        foreach (var table in new[] { "services", "backends" })
        {
            var refused = await Assert.ThrowsAsync<P4RuntimeException>(() =>
                _view.ReadRowCountersAsync(_view.Pipeline!.Table(table), default));
            Assert.Equal($"the counters of table {table} are not available on this target (p4-dpdk)", refused.Message);
        }

        var uncounted = await Assert.ThrowsAsync<P4RuntimeException>(() =>
            _view.ReadCountedRowsAsync(_view.Pipeline!.Table("verdicts"), default));
        Assert.Equal(
            (StatusCode.Unimplemented, "the counters of table verdicts are not available on this target (p4-dpdk)"),
            (uncounted.Code, uncounted.Message));
    }

    [Fact]
    public async Task Registers_are_reported_as_unavailable()
    {
        await StartAsync(FaithfulBehaviours.None with { ReportsMacroNameAsVersion = true });
        await ReadyAsync();

        var refused = await Assert.ThrowsAsync<P4RuntimeException>(() =>
            _view.ReadRegistersAsync(_view.Pipeline!.Register("unanswered"), default));
        Assert.Equal((StatusCode.Unimplemented, "registers are not available on this target (p4-dpdk)"), (refused.Code, refused.Message));
    }

    [Fact]
    public async Task Learned_entries_are_reported_as_unavailable_and_not_as_none()
    {
        await StartAsync(FaithfulBehaviours.None with { ReportsMacroNameAsVersion = true, HidesLearnerTables = true });
        await ReadyAsync();

        var refused = Assert.Throws<P4RuntimeException>(() => _view.ReadLearnedAsync(_view.Pipeline!.Table("replies"), default));
        Assert.Equal(
            (StatusCode.Unimplemented, "this target (p4-dpdk) does not list what its pipeline has learned"),
            (refused.Code, refused.Message));
    }
}
