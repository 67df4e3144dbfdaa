using ACCOffload.FaithfulTarget;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Session;
using Microsoft.Extensions.Logging.Abstractions;
using P4.V1;

namespace ACCOffload.InfraManager.Tests.Target;

/// <summary>The programmer with its session and gNMI client against a server that behaves as observed in infrap4d for P4-DPDK.</summary>
public sealed partial class FaithfulTargetTests : IAsyncDisposable
{
    private static readonly string[] Pool = ["TAP0", "TAP1", "TAP2", "TAP3"];
    private readonly string _folder = Directory.CreateTempSubdirectory("im-faithful-").FullName;
    private static readonly NodeSettings Node = TestNode.Settings with { Devices = new DeviceRules { Pool = Pool } };
    private NodeSettings _node = Node;
    private bool _portsCreatedExternally;
    // The ports in the chassis configuration.
    private IReadOnlyList<string> _named = [.. Enumerable.Range(0, 16).Select(i => $"TAP{i}")];
    private Action<CrashPoint> _hook = _ => { };
    // Null in tests that start their own servers.
    private FaithfulServer _target = null!;
    private SqliteStore? _store;
    private P4RuntimeSession _session = null!;
    private GnmiClient _ports = null!;
    private P4Target _view = null!;
    private Programmer _programmer = null!;

    public async ValueTask DisposeAsync()
    {
        if (_store is not null)
        {
            await CloseAsync();
        }

        if (_target is not null)
        {
            await _target.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task The_port_pool_is_created_before_the_push_and_used_by_pods()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();

        Assert.Equal(TargetTraits.P4Dpdk, _view.Traits);
        Assert.Equal(Pool, _target.Ports.OrderBy(p => p.Value).Select(p => p.Key));
        Assert.All(_target.Mtus.Values, m => Assert.Equal(1500, m));
        Assert.Equal(1, _target.Pushes);

        // The first port's number is 0, which is valid.
        Assert.Equal(0u, (await AttachAsync(1, "TAP0")).Port);
        Assert.Equal(2u, (await AttachAsync(2, "TAP2")).Port);
        await ReconciledAsync();
        Assert.Equal(2, Rows("pods").Count);

        await _programmer.SubmitAsync(TestNode.Detach(TestNode.Pod(1), 9), default);
        await ReconciledAsync();
        Assert.Single(Rows("pods"));
    }

    [Fact]
    public async Task A_changed_row_is_updated_on_the_target()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();
        await AttachAsync(1, "TAP1");
        var before = Assert.Single(Rows("pods"));

        await _programmer.SubmitAsync(new AttachIntent(TestNode.Pod(1, 5, mac: 7) with { PortName = "TAP1" }), default);
        await ReconciledAsync();

        Assert.NotEqual(before.Action, Assert.Single(Rows("pods")).Action);
        Assert.DoesNotContain(_target.Updates, u => u.Kind == Update.Types.Type.Modify);
    }

    [Fact]
    public async Task Only_written_rows_are_read_back()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();
        await AttachAsync(1, "TAP1");
        for (var port = 1; port <= 20; port++)
        {
            await _programmer.SubmitAsync(new ServiceIntent(TestService.Key(port), TestService.Of(port, TestService.Pod(1))), default);
        }

        await ReconciledAsync();
        var rows = _target.Rows.Values.Sum(r => r.Count);
        _target.ClearLog();

        await AttachAsync(2, "TAP2");
        await ReconciledAsync();
        await _programmer.SubmitAsync(TestNode.Detach(TestNode.Pod(2), 9), default);
        await ReconciledAsync();

        // Deleted rows are read as well, and not found.
        Assert.NotEmpty(_target.Updates);
        Assert.InRange(_target.EntitiesRead, 0, _target.Updates.Count);
        Assert.True(_target.EntitiesRead < rows / 4, $"{_target.EntitiesRead} of {rows} rows were read");
        Assert.NotEqual(0, _target.Reads);
    }

    [Fact]
    public async Task Ports_pipeline_and_rows_are_restored_after_a_restart_of_the_target()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();
        await AttachAsync(1, "TAP3");
        var before = Assert.Single(Rows("pods"));
        var pushes = _target.Pushes;

        await _target.RestartAsync();
        await Eventually.TrueAsync(() => _target.Pushes > pushes && _programmer.Status is { Ready: true, Reconciled: true },
            "it is programmed again");

        Assert.Equal(Pool.Order(), _target.Ports.Keys.Order());
        // The row leads to the same port, whose number was 0 until it was created.
        Assert.Equal(before.Action, Assert.Single(Rows("pods")).Action);
        Assert.Equal(pushes + 1, _target.Pushes);
    }

    [Fact]
    public async Task A_restart_of_InfraManager_pushes_and_writes_nothing()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();
        await AttachAsync(1, "TAP0");
        await ReconciledAsync();
        await CloseAsync();
        _target.ClearLog();

        Open();
        await ReconciledAsync();

        Assert.Equal((0, 0, 0L), (_target.Pushes, _target.Updates.Count, _programmer.Status.LastReconcile.Total));
    }

    [Fact]
    public async Task A_different_pipeline_is_never_replaced()
    {
        await StartAsync(new FaithfulBehaviours(), TestPipeline.Artifacts);
        await ReadyAsync();
        await CloseAsync();
        var pushes = _target.Pushes;

        // The same pipeline with another cookie.
        var other = PipelineArtifacts.Create(TestPipeline.Artifacts.Pipeline.Info, [1], TestPipeline.Artifacts.DeviceConfig);
        Open(other);
        await Eventually.TrueAsync(() => _programmer.Status.PipelineProblem.Contains("restart the target (infrap4d)",
            StringComparison.Ordinal), "status says what to do");

        Assert.False(_programmer.Status.Ready);
        Assert.True(_target.IsAlive);
        Assert.Equal(pushes, _target.Pushes);
    }

    [Fact]
    public async Task Externally_created_ports_are_waited_for_and_none_is_created()
    {
        _portsCreatedExternally = true;
        await StartAsync(new FaithfulBehaviours());
        await using var others = new GnmiClient(new TargetEndpoint { Address = _target.Address });
        for (var made = 0; made < Pool.Length; made++)
        {
            // Two of them, a power of two, would be enough for a push.
            var missing = string.Join(", ", Pool[made..]);
            await Eventually.TrueAsync(() => _programmer.Status.PipelineProblem.Contains($"not exist ({missing})",
                StringComparison.Ordinal), () => $"status names {missing}: {_programmer.Status}");
            Assert.Equal((made, 0), (_target.Ports.Count, _target.Pushes));
            await others.AddPortAsync(Pool[made], P4Target.TapAttributes(1500), default);
        }

        await ReadyAsync();
        Assert.Equal(1, _target.Pushes);
    }

    [Fact]
    public async Task Without_ports_the_status_reports_what_is_missing()
    {
        await StartAsync(new FaithfulBehaviours(), pool: []);

        await Eventually.TrueAsync(() => _programmer.Status.PipelineProblem.Contains("Target:Ports", StringComparison.Ordinal),
            "status says what is missing");

        Assert.True(_target.IsAlive);
        Assert.False(_programmer.Status.Ready);
    }

    [Fact]
    public async Task Ports_are_lent_until_none_is_left_and_stay_lent_across_a_restart()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();
        var lent = new Dictionary<int, string>();
        for (var pod = 1; pod <= Pool.Length; pod++)
        {
            lent[pod] = (await LendAsync(pod)).Endpoint.Spec.PortName;
        }

        Assert.Equal(Pool, lent.Values.Order());
        var refused = await Assert.ThrowsAsync<IntentException>(() => LendAsync(9));
        Assert.Equal(IntentError.ResourceExhausted, refused.Code);
        Assert.Contains("Target:Ports", refused.Message, StringComparison.Ordinal);
        await ReconciledAsync();
        await CloseAsync();

        Open();
        await ReconciledAsync();
        Assert.Equal(lent[2], (await LendAsync(2, sequence: 20)).Endpoint.Spec.PortName);

        await _programmer.SubmitAsync(TestNode.Detach(TestNode.Pod(3), 30), default);
        Assert.Equal(lent[3], (await LendAsync(9, sequence: 31)).Endpoint.Spec.PortName);
        await ReconciledAsync();
        Assert.Equal(Pool.Length, Rows("pods").Count);
        Assert.Equal(Pool, _target.Ports.Keys.Order());
    }

    [Fact]
    public async Task A_port_that_the_target_does_not_support_is_refused_with_a_remedy()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();

        var refused = await Assert.ThrowsAsync<IntentException>(() => AttachAsync(1, TestNode.PortName(1)));

        Assert.Contains("use device kind tap to get one of those", refused.Message, StringComparison.Ordinal);
        // Not a code that asks the agent to try again.
        Assert.Equal(IntentError.InvalidArgument, refused.Code);
        Assert.Equal(0, _programmer.Status.Endpoints);
    }

    [Fact]
    public async Task Packets_that_need_a_row_are_held_back_while_it_is_replaced()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();
        for (var pod = 1; pod <= 3; pod++)
        {
            await LendAsync(pod);
        }

        await SetServiceAsync(1);
        _target.ClearLog();

        // Another MAC; another number of buckets; a backend that drains.
        await LendAsync(1, sequence: 20, mac: 9);
        await SetServiceAsync(1, 2);
        await SetServiceAsync(2);
        await ReconciledAsync();

        var replaced = ReplacedRows();
        Assert.Equal((1, 4, 1), (replaced["pods"], replaced["services"], replaced["backends"]));
        Assert.True(IsMark(Assert.Single(Rows("held"))));
    }

    /// <summary>
    /// The number of rows per table that were deleted and inserted again since the log was cleared. Fails if nothing was held meanwhile.
    /// </summary>
    private Dictionary<string, int> ReplacedRows()
    {
        var held = new HashSet<string>();
        var replaced = new Dictionary<string, int> { ["pods"] = 0, ["services"] = 0, ["backends"] = 0 };
        LoggedUpdate[] updates = [.. _target.Updates];
        Assert.All(updates, u => Assert.Equal(Grpc.Core.StatusCode.OK, u.Code));
        for (var i = 0; i < updates.Length; i++)
        {
            (var table, var key) =
                (updates[i].Name[(updates[i].Name.LastIndexOf('.') + 1)..], updates[i].Entity.TableEntry.Match.ToString());
            if (table == "held" && !IsMark(updates[i].Entity.TableEntry))
            {
                Assert.True(updates[i].Kind == Update.Types.Type.Insert ? held.Add(key) : held.Remove(key));
            }
            else if (replaced.TryGetValue(table, out var count) && updates[i].Kind == Update.Types.Type.Delete && updates.Skip(i)
                .Any(u => u.Name == updates[i].Name && u.Kind == Update.Types.Type.Insert && u.Entity.TableEntry.Match.ToString() == key))
            {
                replaced[table] = count + 1;
                Assert.NotEmpty(held);
            }
        }

        Assert.Empty(held);
        return replaced;
    }

    /// <summary>Whether a row of <c>held</c> is the ID mark.</summary>
    private static bool IsMark(P4.V1.TableEntry row) => row.Match.Single(m => m.FieldId == 1).Exact.Value is [.., 3];

    private Task<ServiceOutcome> SetServiceAsync(params int[] backends) =>
        _programmer.SubmitAsync(
            new ServiceIntent(TestService.Key(1), TestService.Of(1, [.. backends.Select(b => TestService.Pod(b))])), default);

    private async Task StartAsync(FaithfulBehaviours behaviours, PipelineArtifacts? artifacts = null, string[]? pool = null,
        IReadOnlyList<ScriptTap>? scriptTaps = null)
    {
        _target = await FaithfulServer.StartAsync(new FaithfulOptions
        {
            SocketPath = Path.Combine(_folder, "p4.sock"),
            Behaviours = behaviours,
            PortNames = _named,
            ScriptTaps = scriptTaps ?? []
        });
        await Eventually.TrueAsync(() => _target.Ports.Count == (scriptTaps?.Count ?? 0), "its scripts have created their TAPs");
        Open(artifacts, pool);
        await _programmer.SubmitAsync(TestNode.Begin, default);
    }

    private void Open(PipelineArtifacts? artifacts = null, string[]? pool = null)
    {
        var endpoint = new TargetEndpoint { Address = _target.Address };
        _store = SqliteStore.Open(Path.Combine(_folder, "state.db"), NullLogger.Instance);
        _session = new P4RuntimeSession(
            new P4RuntimeSessionOptions
            {
                Endpoint = endpoint,
                BackoffMin = TimeSpan.FromMilliseconds(5),
                BackoffMax = TimeSpan.FromMilliseconds(50)
            }, NullLogger.Instance);
        _ports = new GnmiClient(endpoint);
        _view = new P4Target(_session, _ports, artifacts ?? TestPipeline.Artifacts, _node, null,
            new TargetPorts(pool ?? Pool, _portsCreatedExternally), NullLogger.Instance);
        var options = new ProgrammerOptions
        {
            RetryMin = TimeSpan.FromMilliseconds(5),
            RetryMax = TimeSpan.FromMilliseconds(50),
            FaultHook = p => _hook(p)
        };
        _programmer = new Programmer(_node, _store, _view, options, TimeProvider.System, NullLoggerFactory.Instance);
        _session.Start();
        _programmer.Start();
    }

    private async Task CloseAsync()
    {
        await _programmer.StopAsync(TimeSpan.Zero);
        _view.Dispose();
        await _ports.DisposeAsync();
        await _session.DisposeAsync();
        _store!.Dispose();
        _store = null;
    }

    private Task ReadyAsync() => Eventually.TrueAsync(() => _programmer.Status.Ready, () => $"ready: {_programmer.Status}");

    private Task ReconciledAsync() =>
        Eventually.TrueAsync(() => _programmer.Status is { Ready: true, Reconciled: true }, () => $"reconciled: {_programmer.Status}");

    private Task<AttachOutcome> AttachAsync(int pod, string port) =>
        _programmer.SubmitAsync(new AttachIntent(TestNode.Pod(pod, (ulong)pod) with { PortName = port }), default);

    private Task<AttachOutcome> LendAsync(int pod, ulong? sequence = null, int? mac = null) =>
        _programmer.SubmitAsync(
            new AttachIntent(TestNode.Pod(pod, sequence ?? (ulong)pod, mac: mac) with { Device = DeviceKind.Tap }), default);

    private IReadOnlyList<TableEntry> Rows(string table) => _target.Rows[$"k8s_dp_control.{table}"];
}
