using System.Collections.Frozen;
using System.Net;
using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.InfraManager.CommandLine;
using ACCOffload.InfraManager.CommandLine.Ctl;
using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Hosting;
using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.Protos.V1;
using Grpc.Health.V1;
using Condition = ACCOffload.InfraManager.Conditions.Condition;
using Serving = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace ACCOffload.InfraManager.Tests.Conditions;

/// <summary>ctl, health and the agent report the same conditions.</summary>
public sealed class ConditionTests
{
    [Fact]
    public async Task A_condition_that_does_not_prevent_ADDs_allows_attachments_and_is_reported_everywhere()
    {
        await using var api = await ApiFixture.StartAsync();
        var broken = true;
        api.Conditions.Add(() => broken
            ? Condition.Unmet(ConditionNames.HostInterface, "not attached")
            : Condition.Met(ConditionNames.HostInterface));

        using var control = api.ConnectControl();
        var status = await new Protos.V1.Control.ControlClient(control).GetStatusAsync(new GetStatusRequest());
        Assert.Equal((false, true), (status.Ready, status.CanAttach));
        using var channel = api.Connect(api.Pki.IssueHost());
        var reply = await new Offload.OffloadClient(channel).StatusAsync(new StatusRequest());
        Assert.Equal((true, "HostInterface: not attached"), (reply.Ready, reply.Reason));
        Assert.Equal(status.Conditions, reply.Conditions);

        var health = new Health.HealthClient(api.ConnectPlain(api.HealthAddress));
        await Eventually.TrueAsync(async () => await CheckAsync(health, "") == Serving.NotServing, "health reports it");
        Assert.Equal(Serving.Serving, await CheckAsync(health, HealthPublisher.Liveness));
        broken = false;
        await Eventually.TrueAsync(async () => await CheckAsync(health, "") == Serving.Serving, "health follows");
    }

    // Its init container asks for the health of "" and waits until it is served.
    [Fact]
    public async Task What_a_24_01_agent_has_to_do_is_not_ready_but_does_not_keep_it_from_starting()
    {
        await using var api = await ApiFixture.StartAsync();
        api.Conditions.Add(() => Condition.Unmet(ConditionNames.Policy, "no agent") with { AwaitsAgent = true });
        var isBroken = false;
        api.Conditions.Add(() => isBroken ? Condition.Unmet(ConditionNames.Node, "broken") : Condition.Met(ConditionNames.Node));

        Assert.Equal((false, "Policy: no agent"), (api.Conditions.Evaluate().Ready, api.Conditions.Evaluate().Reason));
        var health = new Health.HealthClient(api.ConnectPlain(api.HealthAddress));
        Assert.Equal(Serving.Serving, await CheckAsync(health, ""));
        isBroken = true;
        await Eventually.TrueAsync(async () => await CheckAsync(health, "") == Serving.NotServing, "another condition counts");
        isBroken = false;
        await Eventually.TrueAsync(async () => await CheckAsync(health, "") == Serving.Serving, "health follows");
    }

    [Theory]
    [InlineData(ConditionNames.Store, "disk full", true)]
    [InlineData(ConditionNames.Target, "a reply was lost", true)]
    [InlineData(ConditionNames.Pipeline, "another program", true)]
    [InlineData(ConditionNames.Tables, "3 entries are not in the tables yet", false)]
    [InlineData(ConditionNames.Tables, "4 entries are not in the tables, for example pods dst_ip=10.1.1.2 (missing)", false)]
    [InlineData(ConditionNames.Tables, "not verified since the target was last connected", false)]
    public async Task A_problem_of_the_programmer_is_the_same_condition_in_ctl_and_for_the_agent(
        string name, string reason, bool preventsAdds)
    {
        await using var api = await ApiFixture.StartAsync();
        using var control = api.ConnectControl();
        using var channel = api.Connect(api.Pki.IssueHost());
        var (ctl, agent) = (new Protos.V1.Control.ControlClient(control), new Offload.OffloadClient(channel));
        Assert.All((await ctl.GetStatusAsync(new GetStatusRequest())).Conditions, c => Assert.True(c.Ok, c.Name));

        api.Core.Change = s => name switch
        {
            ConditionNames.Store => s with { StoreProblem = reason },
            ConditionNames.Target => s with { Ready = false, TargetState = TargetState.UnknownOutcome, TargetReason = reason },
            ConditionNames.Pipeline => s with
            {
                Ready = false,
                TargetState = TargetState.Reconciling,
                TargetReason = reason,
                PipelineProblem = reason,
            },
            _ when reason[0] == '3' => s with { PendingEntries = 3 },
            _ when reason[0] == '4' => s with
            {
                PendingEntries = 4,
                Differences = [new RowDifference("pods", "pods dst_ip=10.1.1.2", "missing")],
            },
            _ => s with { Reconciled = false },
        };
        var status = await ctl.GetStatusAsync(new GetStatusRequest());
        var unmet = Assert.Single(status.Conditions, c => !c.Ok);
        Assert.Equal((name, reason, preventsAdds), (unmet.Name, unmet.Reason, unmet.PreventsAdds));
        Assert.Equal((false, !preventsAdds), (status.Ready, status.CanAttach));
        var reply = await agent.StatusAsync(new StatusRequest());
        Assert.Equal((!preventsAdds, $"{name}: {reason}"), (reply.Ready, reply.Reason));
    }

    [Theory]
    [InlineData(nameof(TargetState.Disconnected))]
    [InlineData(nameof(TargetState.Backup))]
    public async Task The_pipeline_of_an_unavailable_target_is_unknown(string state)
    {
        await using var api = await ApiFixture.StartAsync();
        api.Core.Change = s => s with { Ready = false, TargetState = Enum.Parse<TargetState>(state), TargetReason = "" };
        Assert.Equal((false, true, "not connected"), Summarize(Of(api, ConditionNames.Target)));
        Assert.Equal((false, true, "unknown while the target is unavailable"), Summarize(Of(api, ConditionNames.Pipeline)));
    }

    [Fact]
    public async Task A_condition_that_prevents_ADDs_is_reported_first()
    {
        await using var api = await ApiFixture.StartAsync();
        api.Conditions.Add(() => Condition.Unmet(ConditionNames.Watch, "stale"));
        api.Conditions.Add(() => Condition.Blocking(ConditionNames.Ports, "no permission"));

        using var channel = api.Connect(api.Pki.IssueHost());
        var reply = await new Offload.OffloadClient(channel).StatusAsync(new StatusRequest());
        Assert.Equal((false, "Ports: no permission"), (reply.Ready, reply.Reason));
        using var control = api.ConnectControl();
        var status = await new Protos.V1.Control.ControlClient(control).GetStatusAsync(new GetStatusRequest());
        Assert.Equal("Ports: no permission", Readiness.FindMissing(status));
        // The host may create the namespace after the ACC has started.
        status.Conditions.Single(c => c.Name == "Ports").Reason =
            "port namespace /run/netns/accoffload-dp: No such file or directory (ENOENT)";
        Assert.NotEqual("Ports", Readiness.FindMissing(status)?.Split(':')[0]);
    }

    [Fact]
    public void Only_the_health_check_of_an_update_does_not_wait_for_the_API_server()
    {
        var node = NodeCondition.Of(TestNode.Settings with { PodRanges = [] }, "");
        Assert.True(node.PreventsAdds);
        var status = new GetStatusReply
        {
            Reconciled = true,
            Conditions = { new Protos.V1.Condition { Name = node.Name, PreventsAdds = true, Reason = node.Reason } },
        };
        Assert.Equal($"Node: {node.Reason}", Readiness.FindMissing(status));
        Assert.Null(Readiness.FindMissing(status, withoutCluster: true));
    }

    [Fact]
    public async Task Policy_messages_without_effect_are_reported_as_a_notice_by_ctl_status()
    {
        await using var api = await ApiFixture.StartAsync();
        var agent = new ForwardingAgent(() => api.Connect(api.Pki.IssueHost()));
        Assert.True((await agent.CallAsync("ActivePolicyUpdate", [])).Successful);
        Assert.True((await agent.CallAsync("UpdateIPSet", [])).Successful);

        using var output = new StringWriter();
        Assert.Equal(0, await Commands.RunAsync(["ctl", "--socket", api.ControlSocket, "status"], output, TextWriter.Null));
        Assert.Contains("network policy is not enforced: 2 policy messages", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invalid_certificate_files_are_a_condition_until_they_are_repaired()
    {
        await using var api = await ApiFixture.StartAsync();
        var good = File.ReadAllText(api.Folder.At("tls.crt"));
        File.WriteAllText(api.Folder.At("tls.crt"), "truncated");
        api.Server.ReloadCertificates();
        await Eventually.TrueAsync(() => !Of(api, ConditionNames.Certificates).Ok, "the condition fails");
        Assert.Contains(api.Folder.At("tls.crt"), Of(api, ConditionNames.Certificates).Reason, StringComparison.Ordinal);
        Assert.False(Of(api, ConditionNames.Certificates).PreventsAdds);

        File.WriteAllText(api.Folder.At("tls.crt"), good);
        api.Server.ReloadCertificates();
        await Eventually.TrueAsync(() => Of(api, ConditionNames.Certificates).Ok, "the condition holds again");
    }

    [Fact]
    public async Task The_host_interface_is_checked_only_on_nodes_that_have_one_and_needs_a_working_port()
    {
        await using var api = await ApiFixture.StartAsync();
        var node = api.Settings.Node;
        Assert.True(HostInterfaceCondition.Of(api.Core, node with { HostAddresses = [] }, PortReport.Fine).Ok);
        Assert.False(HostInterfaceCondition.Of(api.Core, node, PortReport.Fine).Ok);

        api.Core.StoredEndpoints.Add(new EndpointView(new Endpoint(1, HostSpec(), true), 1, true));
        Assert.True(HostInterfaceCondition.Of(api.Core, node, PortReport.Fine).Ok);
        var lost = new PortReport("", new Dictionary<string, string> { ["acc00000000001"] = "gone" }.ToFrozenDictionary());
        Assert.Contains("gone", HostInterfaceCondition.Of(api.Core, node, lost).Reason, StringComparison.Ordinal);

        using var channel = api.Connect(api.Pki.IssueHost());
        var reply = await new Offload.OffloadClient(channel).StatusAsync(new StatusRequest());
        Assert.Equal(("acc00000000001", "020000000009"), (reply.HostEndpoint.PortName, Convert.ToHexString(reply.HostEndpoint.Mac.Span)));
    }

    [Fact]
    public void An_interrupted_watch_is_reported_after_a_grace_period_if_there_is_a_kubeconfig()
    {
        using var folder = new Folder();
        var time = new ManualTime();
        var file = folder.At("kubeconfig");
        var watch = new WatchCondition(file, time);
        Assert.True(watch.Evaluate(Watching(ReflectorPhase.Waiting, synced: false)).Ok);
        File.WriteAllText(file, "");
        Assert.False(watch.Evaluate(Watching(ReflectorPhase.Waiting, synced: false)).Ok);
        Assert.True(watch.Evaluate(Watching(ReflectorPhase.Watching, synced: true)).Ok);
        Assert.True(watch.Evaluate(Watching(ReflectorPhase.Waiting, synced: true)).Ok);
        time.Advance(WatchCondition.Grace);
        var stale = watch.Evaluate(Watching(ReflectorPhase.Waiting, synced: true));
        Assert.Equal((false, false), (stale.Ok, stale.PreventsAdds));
        Assert.True(watch.Evaluate(Watching(ReflectorPhase.Watching, synced: true)).Ok);
    }

    private static Condition Of(ApiFixture api, string name) => api.Conditions.Evaluate().All.Single(c => c.Name == name);

    private static (bool Ok, bool PreventsAdds, string Reason) Summarize(Condition condition) =>
        (condition.Ok, condition.PreventsAdds, condition.Reason);

    private static async Task<Serving> CheckAsync(Health.HealthClient health, string service) =>
        (await health.CheckAsync(new HealthCheckRequest { Service = service })).Status;

    private static ClusterWatchStatus Watching(ReflectorPhase phase, bool synced) =>
        new("", [new ReflectorStatus { Kind = "Service", Phase = phase, Synced = synced }], new ServiceControllerStatus(
            synced, 0, 0, 0, "", []));

    private sealed class ManualTime : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Advance(TimeSpan time) => _now += time.Ticks;

        public override long GetTimestamp() => _now;
    }

    private static EndpointSpec HostSpec() => new()
    {
        Node = "node-1",
        Origin = ApiOrigin.Offload,
        Key = new(" host", "host", "acchost0"),
        Kind = ACCOffload.InfraManager.State.Values.EndpointKind.Host,
        PortName = "acc00000000001",
        Mac = ACCOffload.NativeInterop.Addresses.MacAddress.Parse("02:00:00:00:00:09"),
        Addresses = [IPAddress.Parse("200.1.1.2")],
    };
}
