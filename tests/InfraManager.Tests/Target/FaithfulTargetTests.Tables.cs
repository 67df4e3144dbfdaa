using ACCOffload.FaithfulTarget;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.Tests.Support;
using Google.Protobuf;
using P4.V1;

namespace ACCOffload.InfraManager.Tests.Target;

/// <content>Which tables are written, and what is left in them.</content>
public sealed partial class FaithfulTargetTests
{
    [Fact]
    public async Task Removed_pods_and_services_leave_no_rows()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();
        await LendAsync(1);
        await SetServiceAsync(1);
        await ReconciledAsync();
        // All tables in which a pod and a service have rows.
        string[] filled = [.. _target.Rows.Where(t => t.Value.Count > 0).Select(t => t.Key[(t.Key.LastIndexOf('.') + 1)..])];
        Assert.Subset(new HashSet<string>(filled), new HashSet<string> { "services", "frontends", "buckets", "backends", "endpoints",
            "port_class", "mac_guard", "source_guard", "local_sources", "pods" });

        await _programmer.SubmitAsync(new ServiceIntent(TestService.Key(1), null), default);
        await _programmer.SubmitAsync(TestNode.Detach(TestNode.Pod(1), 9), default);
        await ReconciledAsync();

        // Only the node's own rows and the ID mark remain.
        Assert.True(IsMark(Assert.Single(Rows("held"))));
        Assert.Equal(["k8s_dp_control.held", "k8s_dp_control.local_sources", "k8s_dp_control.pools", "k8s_dp_control.routes"],
            _target.Rows.Where(t => t.Value.Count > 0).Select(t => t.Key).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Learned_entries_are_not_changed(bool hidden)
    {
        await StartAsync(FaithfulBehaviours.None with { HidesLearnerTables = hidden });
        await ReadyAsync();
        await AttachAsync(1, "TAP1");
        await ReconciledAsync();
        _target.Put(LearnedFlow());
        await CloseAsync();
        _target.ClearLog();

        Open();
        await ReconciledAsync();

        Assert.Equal((0, 0L), (_target.Updates.Count, _programmer.Status.LastReconcile.Total));
        Assert.Single(Rows("flows"));
    }

    private static TableEntry LearnedFlow()
    {
        var pipeline = TestPipeline.Artifacts.Pipeline.Info;
        var table = pipeline.Tables.Single(t => t.Preamble.Alias == "flows");
        var action = pipeline.Actions.Single(a => a.Preamble.Id == table.ActionRefs[0].Id);
        return new TableEntry
        {
            TableId = table.Preamble.Id,
            Match = { table.MatchFields.Select(f =>
                new FieldMatch { FieldId = f.Id, Exact = new FieldMatch.Types.Exact { Value = ByteString.CopyFrom(1) } }) },
            Action = new TableAction
            {
                Action = new P4.V1.Action
                {
                    ActionId = action.Preamble.Id,
                    Params = { action.Params.Select(p =>
                        new P4.V1.Action.Types.Param { ParamId = p.Id, Value = ByteString.CopyFrom(1) }) }
                },
            },
        };
    }
}
