using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Compile;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.Store;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.Protos;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>A programmer with a real database and an in-memory target; it can be killed and restarted.</summary>
internal sealed class CoreHarness : ICrashHarness
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly string _folder;
    private SqliteStore _store;
    private int _hooksRunning;
    private volatile bool _hasCrashed;
    private bool _closed;

    private CoreHarness(string folder, FakeTarget target)
    {
        _folder = folder;
        Target = target;
        Options = new ProgrammerOptions
        {
            RetryMin = TimeSpan.FromMilliseconds(1),
            RetryMax = TimeSpan.FromMilliseconds(20),
            OutcomeLimit = TimeSpan.FromSeconds(5),
            WriteLimit = TimeSpan.FromMilliseconds(500),
            PortLimit = TimeSpan.FromMilliseconds(500),
            AuditAfterUnknown = TimeSpan.FromMilliseconds(15),
            DrainCheck = TimeSpan.FromMilliseconds(10),
            FaultHook = RunHook,
        };
        _store = null!;
        Programmer = null!;
    }

    public FakeTarget Target { get; }

    /// <summary>The configuration.</summary>
    public NodeSettings Node { get; private init; } = TestNode.Settings;

    public Programmer Programmer { get; private set; }

    public SqliteStore Store => _store;

    /// <summary>The rows without those that the node always has.</summary>
    public IReadOnlyList<Entry> EndpointRows => [.. Target.Rows.Where(r => !NodeRows.Has(r))];

    public ProgrammerOptions Options { get; set; }

    public Action<CrashPoint> Hook { get; set; } = _ => { };

    public ShiftedTime Time { get; } = new();

    public int Writes => Target.Writes;

    public string DatabasePath => Path.Combine(_folder, "state.db");

    public static async Task<CoreHarness> StartAsync(FakeTarget? target = null,
        Func<ProgrammerOptions, ProgrammerOptions>? options = null, bool ready = true, NodeSettings? node = null)
    {
        // In memory if possible: tests with thousands of commits are about order, not about the disk.
        var parent = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        var folder = Path.Combine(parent, "im-core-" + Path.GetRandomFileName());
        Directory.CreateDirectory(folder);
        var harness = new CoreHarness(folder, target ?? new FakeTarget()) { Node = node ?? TestNode.Settings };
        harness.Options = options?.Invoke(harness.Options) ?? harness.Options;
        harness.Open();
        // Epoch 1, which TestNode's requests use.
        await harness.Programmer.SubmitAsync(TestNode.Begin, default).WaitAsync(Limit);
        if (ready)
        {
            await harness.ReadyAsync();
        }

        return harness;
    }

    public void Open()
    {
        _store = SqliteStore.Open(DatabasePath, NullLogger.Instance);
        Programmer = new Programmer(Node, _store, Target, Options, Time, NullLoggerFactory.Instance);
        Target.NewSession();
        _hasCrashed = false;
        Programmer.Start();
        _closed = false;
    }

    /// <summary>Stops like a process killed with -9, unless a crash has already stopped it.</summary>
    public async Task KillAsync()
    {
        Hook = _ => throw new SimulatedCrashException();
        var stopped = Programmer.StopAsync(TimeSpan.Zero);
        await stopped.WaitAsync(Limit);
        _store.Dispose();
        _closed = true;
        Hook = _ => { };
    }

    public void Refuse(string? mac) =>
        Target.Refuses = u => mac is not null && u.Kind != UpdateKind.Delete && $"{u.Entry}".Contains(mac, StringComparison.Ordinal)
        ? StatusCode.InvalidArgument
        : StatusCode.OK;

    public Task RestartTargetAsync()
    {
        Target.Restart();
        return Task.CompletedTask;
    }

    public async Task RestartAsync(bool ready = true)
    {
        if (!_closed)
        {
            await KillAsync();
        }

        Open();
        if (ready)
        {
            await ReadyAsync();
        }
    }

    /// <summary>Removes the hook and waits for a running one to finish.</summary>
    /// <returns>Whether a hook made the programmer crash, so that it has ended or is about to.</returns>
    public async Task<bool> EndHookAsync()
    {
        Hook = _ => { };
        await UntilAsync(() => Volatile.Read(ref _hooksRunning) == 0, "the hook's end");
        return _hasCrashed;
    }

    private void RunHook(CrashPoint point)
    {
        Interlocked.Increment(ref _hooksRunning);
        try
        {
            Hook(point);
        }
        catch (SimulatedCrashException)
        {
            _hasCrashed = true;
            throw;
        }
        finally
        {
            Interlocked.Decrement(ref _hooksRunning);
        }
    }

    public Task ReadyAsync() => UntilAsync(() => Programmer.Status.Ready, "ready");

    public async Task UntilAsync(Func<bool> condition, string what)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            if (TimeProvider.System.GetElapsedTime(start) > Limit)
            {
                throw new TimeoutException($"not within {Limit.TotalSeconds:0} s: {what}; {Programmer.Status}");
            }

            await Task.Delay(1);
        }
    }

    public Task<AttachOutcome> AttachAsync(EndpointSpec spec) => Programmer.SubmitAsync(new AttachIntent(spec), default).WaitAsync(Limit);

    public Task<DetachOutcome> DetachAsync(EndpointSpec spec, ulong sequence = 0) =>
        Programmer.SubmitAsync(TestNode.Detach(spec, sequence), default).WaitAsync(Limit);

    public Task<ServiceOutcome> SetAsync(ServiceSpec spec) =>
        Programmer.SubmitAsync(new ServiceIntent(spec.Key, spec), default).WaitAsync(Limit);

    public Task<ServiceOutcome> RemoveAsync(ServiceKey key) =>
        Programmer.SubmitAsync(new ServiceIntent(key, null), default).WaitAsync(Limit);

    public Task<BeginOutcome> BeginAsync() => Programmer.SubmitAsync(TestNode.Begin, default).WaitAsync(Limit);

    public Task<SyncOutcome> SyncAsync(SyncIntent sync) => Programmer.SubmitAsync(sync, default).WaitAsync(Limit);

    /// <summary>
    /// Waits until nothing is left to do, then asserts that tables and ports are what the endpoints, the services and the node need, and
    /// that the status counts the entries accordingly.
    /// </summary>
    public async Task<IReadOnlyList<EndpointView>> SettledAsync()
    {
        await UntilAsync(() => Difference() is null && Programmer.Status is { Reconciled: true, PendingEntries: 0 },
            "settled: " + Difference());
        Assert.Null(Difference());
        var status = Programmer.Status;
        Assert.Equal((status.TableEntries, status.PendingEntries),
            (status.Tables.Sum(t => t.Wanted), status.Tables.Sum(t => t.Differences)));
        return Programmer.Endpoints;
    }

    /// <summary>How the target differs from what the endpoints, the services and the node need; null if it does not.</summary>
    public string? Difference()
    {
        var endpoints = Programmer.Endpoints;
        var ports = Target.Ports;
        var compiler = new EndpointCompiler(Target.Pipeline, TestNode.Settings);
        var wanted = new Dictionary<EntryKey, Entry>();
        foreach (var view in endpoints)
        {
            if (!ports.TryGetValue(view.Endpoint.Spec.PortName, out var port))
            {
                return $"port {view.Endpoint.Spec.PortName} is missing";
            }

            foreach (var entry in compiler.Compile(view.Endpoint, port))
            {
                wanted.Add(entry.Key, entry);
            }
        }

        foreach (var entry in OtherEntries.Of(Programmer))
        {
            wanted.TryAdd(entry.Key, entry);
        }

        if (ports.Keys.FirstOrDefault(p => AgentPortName.Is(p) && endpoints.All(e => e.Endpoint.Spec.PortName != p)) is { } orphan)
        {
            return $"port {orphan} belongs to nobody";
        }

        // The affinity clock's row has a value that only the programmer knows.
        foreach (var row in Target.Rows.Where(r => r.Table.Alias != "clock"))
        {
            if (!wanted.Remove(row.Key, out var entry))
            {
                return $"foreign row {row}";
            }

            if (!entry.SameAs(row))
            {
                return $"row {row} instead of {entry}";
            }
        }

        return wanted.Count == 0 ? null : $"missing row {wanted.Values.First()}";
    }

    public async ValueTask DisposeAsync()
    {
        if (!_closed)
        {
            await KillAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }
}
