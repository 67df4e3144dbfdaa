using System.Runtime.CompilerServices;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>The fault of one call.</summary>
internal enum TargetFault
{
    None,

    /// <summary>Everything is applied, but the reply is lost.</summary>
    LoseReply,

    /// <summary>Nothing is applied, and there is no reply.</summary>
    LoseRequest,

    /// <summary>Half of the updates are applied, and the reply is lost.</summary>
    ApplyHalf,

    /// <summary>Everything is applied later, after the caller gave up.</summary>
    ApplyLate,

    /// <summary>Every other update is refused.</summary>
    RefuseSome,

    /// <summary>Every update is refused.</summary>
    RefuseAll,

    /// <summary>Half of the updates are applied, but the status code leaves open whether any were.</summary>
    Ambiguous,

    /// <summary>The call never returns on its own.</summary>
    Hang,

    /// <summary>The target restarts empty before anything is applied.</summary>
    Die,

    /// <summary>Everything is applied, then the connection breaks for a moment.</summary>
    Flap,

    /// <summary>Another controller takes over before anything is applied, and leaves again.</summary>
    Stolen,
}

/// <summary>An in-memory target that follows P4Runtime's rules, reorders what it may, and injects faults on request.</summary>
internal sealed class FakeTarget : ITarget
{
    private readonly Lock _gate = new();
    private readonly Dictionary<EntryKey, Entry> _rows = [];
    private readonly Dictionary<string, uint> _ports = [];
    private readonly List<EntryUpdate> _log = [];
    private readonly Random _random = new(1);
    private TargetConnection _connection = new(SessionState.Primary, "", 1);
    private uint _nextPort = 1;
    private bool _hasPipeline;
    private long _session;
    private (long Session, EntryUpdate[] Updates)? _late;

    public event Action? ConnectionChanged;

    public TargetConnection Connection => Volatile.Read(ref _connection);

    public TargetTraits Traits { get; set; } = TargetTraits.Soft;

    public Task IdentifyAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Pipeline Pipeline => TestPipeline.Artifacts.Pipeline;

    /// <summary>Called before each Write and each port change; returns the fault to inject.</summary>
    public Func<TargetFault> NextFault { get; set; } = () => TargetFault.None;

    /// <summary>Returns the status code of an update; any but OK refuses it.</summary>
    public Func<EntryUpdate, StatusCode> Refuses { get; set; } = _ => StatusCode.OK;

    /// <summary>Called after each single update, with it and all rows: packets may arrive at any time.</summary>
    public Action<EntryUpdate, IReadOnlyDictionary<EntryKey, Entry>>? Applied { get; set; }

    /// <summary>Whether an update is acknowledged with OK but not applied.</summary>
    public Func<EntryUpdate, bool> Forgets { get; set; } = _ => false;

    /// <summary>The updates of all Writes so far, in order. A copy: the programmer may be writing.</summary>
    public IReadOnlyList<EntryUpdate> Log
    {
        get
        {
            lock (_gate)
            {
                return [.. _log];
            }
        }
    }

    public Func<string, StatusCode> RefusesPort { get; set; } = _ => StatusCode.OK;

    /// <summary>Returns the status code of a port's lookup; any but OK fails it.</summary>
    public Func<string, StatusCode> FailsLookup { get; set; } = _ => StatusCode.OK;

    public int Writes { get; private set; }

    public int Updates { get; private set; }

    public int Pushes { get; private set; }

    public bool CanList { get; set; } = true;

    public IReadOnlyList<Entry> Rows
    {
        get
        {
            lock (_gate)
            {
                return [.. _rows.Values];
            }
        }
    }

    public IReadOnlyDictionary<string, uint> Ports
    {
        get
        {
            lock (_gate)
            {
                return new Dictionary<string, uint>(_ports);
            }
        }
    }

    /// <summary>A client with a higher election ID connects: requests still in flight from older ones are refused.</summary>
    public void NewSession() => Interlocked.Increment(ref _session);

    public void Disconnect() => Change(SessionState.Disconnected, "cut by the test");

    public void Connect() => Change(SessionState.Primary, "");

    /// <summary>Restarts the target: tables, ports and pipeline are lost, and ports get other numbers.</summary>
    public void Restart()
    {
        Disconnect();
        Wipe();
        Connect();
    }

    public void Wipe()
    {
        lock (_gate)
        {
            _rows.Clear();
            _ports.Clear();
            _hasPipeline = false;
            _nextPort += 7;
        }
    }

    public void ClearLog()
    {
        lock (_gate)
        {
            _log.Clear();
        }
    }

    /// <summary>Changes the tables as another controller would.</summary>
    public void Drift(Action<Dictionary<EntryKey, Entry>> change)
    {
        lock (_gate)
        {
            change(_rows);
        }
    }

    public void AddForeignPort(string name)
    {
        lock (_gate)
        {
            _ports.TryAdd(name, _nextPort++);
        }
    }

    public Task<bool> EnsurePipelineAsync(CancellationToken cancellationToken)
    {
        ThrowIfAway();
        lock (_gate)
        {
            var pushed = !_hasPipeline;
            _hasPipeline = true;
            Pushes += pushed ? 1 : 0;
            return Task.FromResult(pushed);
        }
    }

    public async IAsyncEnumerable<Entry> ReadAsync(IReadOnlyCollection<TableSchema> tables, [EnumeratorCancellation]
    CancellationToken cancellationToken)
    {
        ThrowIfAway();
        await Task.Yield();
        foreach (var entry in Rows)
        {
            ThrowIfAway();
            cancellationToken.ThrowIfCancellationRequested();
            yield return entry;
        }

        if (_late is { } late)
        {
            _late = null;
            if (late.Session == Volatile.Read(ref _session))
            {
                Apply(late.Updates, _ => true);
            }
        }
    }

    public IAsyncEnumerable<Entry> ReadEntriesAsync(IReadOnlyCollection<EntryKey> keys, CancellationToken cancellationToken) =>
        ReadAsync([.. keys.Select(k => k.Table).Distinct()], cancellationToken).Where(e => keys.Contains(e.Key));

    public async Task<WriteResult> WriteAsync(ReadOnlyMemory<EntryUpdate> updates, CancellationToken cancellationToken)
    {
        if (!Connection.IsPrimary)
        {
            return new WriteResult(WriteOutcome.NotSent, StatusCode.Unavailable, "not sent", []);
        }

        Writes++;
        Updates += updates.Length;
        var all = updates.ToArray();
        switch (NextFault())
        {
            case TargetFault.LoseReply:
                Apply(all, _ => true);
                return Unknown();
            case TargetFault.LoseRequest:
                return Unknown();
            case TargetFault.ApplyHalf:
                Apply(all, i => i % 2 == 0);
                return Unknown();
            case TargetFault.ApplyLate:
                // After the next read-back, not after a fixed time, which would be early or late depending on the machine's load.
                _late = (Volatile.Read(ref _session), all);
                return Unknown();
            case TargetFault.RefuseSome:
                return Apply(all, i => i % 2 == 0, StatusCode.ResourceExhausted);
            case TargetFault.RefuseAll:
                return new WriteResult(WriteOutcome.Rejected, StatusCode.InvalidArgument, "refused by the test", []);
            case TargetFault.Ambiguous:
                Apply(all, i => i % 2 == 0);
                return new WriteResult(WriteOutcome.Failed, StatusCode.Unknown, "ambiguous",
                    [.. all.Select((_, i) => new UpdateError(i, StatusCode.Internal, "ambiguous", "ambiguous"))]);
            case TargetFault.Hang:
                await Task.Delay(Timeout.Infinite, cancellationToken);
                return Unknown();
            case TargetFault.Die:
                Restart();
                return Unknown();
            case TargetFault.Flap:
                Apply(all, _ => true);
                Disconnect();
                Connect();
                return WriteResult.Success;
            case TargetFault.Stolen:
                Change(SessionState.Backup, "stolen by the test");
                _ = Task.Delay(5, CancellationToken.None).ContinueWith(_ => Connect(), TaskScheduler.Default);
                return new WriteResult(WriteOutcome.Rejected, StatusCode.PermissionDenied, "not primary", []);
            default:
                return Apply(all, _ => true);
        }
    }

    public Task<IReadOnlyDictionary<string, uint>?> ListPortsAsync(CancellationToken cancellationToken)
    {
        ThrowIfAway();
        return Task.FromResult(CanList ? Ports : null);
    }

    public Task<uint?> FindPortAsync(string name, CancellationToken cancellationToken)
    {
        ThrowIfAway();
        if (FailsLookup(name) is var code and not StatusCode.OK)
        {
            throw new P4RuntimeException(code, "not looked up");
        }

        return Task.FromResult<uint?>(Ports.TryGetValue(name, out var id) ? id : null);
    }

    public uint? ImpliedPort(PortSpec port) => null;

    public async Task<uint> AddPortAsync(PortSpec port, CancellationToken cancellationToken)
    {
        var name = port.Name;
        await Task.Yield();
        ThrowIfAway();
        if (RefusesPort(name) is var refusal and not StatusCode.OK)
        {
            throw new P4RuntimeException(refusal, "refused by the test");
        }

        var fault = NextFault();
        if (fault is TargetFault.LoseRequest)
        {
            throw Lost();
        }

        if (fault is TargetFault.RefuseAll or TargetFault.RefuseSome)
        {
            throw new P4RuntimeException(StatusCode.ResourceExhausted, "no more ports");
        }

        if (fault is TargetFault.Hang)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        if (fault is TargetFault.Die)
        {
            Restart();
        }

        uint id;
        lock (_gate)
        {
            if (!_ports.TryGetValue(name, out id))
            {
                _ports.Add(name, id = _nextPort++);
            }
        }

        if (fault is TargetFault.Flap or TargetFault.Stolen)
        {
            Disconnect();
            Connect();
        }

        return fault is TargetFault.LoseReply or TargetFault.ApplyHalf or TargetFault.ApplyLate or TargetFault.Ambiguous
            or TargetFault.Die ? throw Lost() : id;
    }

    public async Task RemovePortAsync(string name, CancellationToken cancellationToken)
    {
        await Task.Yield();
        ThrowIfAway();
        var fault = NextFault();
        if (fault is TargetFault.LoseRequest)
        {
            throw Lost();
        }

        if (fault is TargetFault.Hang)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        lock (_gate)
        {
            _ports.Remove(name);
        }

        if (fault != TargetFault.None)
        {
            throw Lost();
        }
    }

    private static P4RuntimeException Lost() => new(StatusCode.Unavailable, "lost by the test");

    private static WriteResult Unknown() => new(WriteOutcome.Unknown, StatusCode.Unavailable, "lost by the test", []);

    private void ThrowIfAway()
    {
        if (Connection.State == SessionState.Disconnected)
        {
            throw new P4RuntimeException(StatusCode.Unavailable, "away");
        }
    }

    private void Change(SessionState state, string reason)
    {
        lock (_gate)
        {
            _connection = new TargetConnection(state, reason,
                state == SessionState.Primary ? _connection.Generation + 1 : _connection.Generation);
        }

        ConnectionChanged?.Invoke();
    }

    private WriteResult Apply(EntryUpdate[] all, Func<int, bool> applies, StatusCode refusal = StatusCode.OK)
    {
        var codes = new StatusCode[all.Length];
        lock (_gate)
        {
            if (!_hasPipeline)
            {
                return new WriteResult(WriteOutcome.Rejected, StatusCode.FailedPrecondition, "no pipeline", []);
            }

            _log.AddRange(all);
            int[] order = [.. Enumerable.Range(0, all.Length)];
            _random.Shuffle(order);
            foreach (var i in order)
            {
                var always = Refuses(all[i]);
                codes[i] = always != StatusCode.OK ? always : applies(i) ? ApplyOne(all[i]) : refusal;
                Applied?.Invoke(all[i], _rows);
            }
        }

        UpdateError[] errors = [.. codes.Select((c, i) => new UpdateError(i, c, $"{all[i]}: {c}", $"{c}"))
            .Where(e => e.Code != StatusCode.OK)];
        return errors.Length == 0 ? WriteResult.Success : new WriteResult(WriteOutcome.Failed, StatusCode.Unknown, "some failed", errors);
    }

    private StatusCode ApplyOne(EntryUpdate update)
    {
        var exists = _rows.ContainsKey(update.Entry.Key);
        if (Forgets(update) && exists == (update.Kind != UpdateKind.Insert))
        {
            return StatusCode.OK;
        }

        switch (update.Kind)
        {
            case UpdateKind.Insert when exists:
                return StatusCode.AlreadyExists;
            case UpdateKind.Modify or UpdateKind.Delete when !exists:
                return StatusCode.NotFound;
            case UpdateKind.Delete:
                _rows.Remove(update.Entry.Key);
                return StatusCode.OK;
            default:
                _rows.Remove(update.Entry.Key);
                _rows.Add(update.Entry.Key, update.Entry);
                return StatusCode.OK;
        }
    }
}
