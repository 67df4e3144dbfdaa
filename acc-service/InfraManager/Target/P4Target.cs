using System.Globalization;
using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;
using Grpc.Core;

namespace ACCOffload.InfraManager.Target;

/// <summary>A target reached over P4Runtime and gNMI: infrap4d or the soft target, without distinction.</summary>
internal sealed partial class P4Target : ITarget, ITargetView, IDisposable
{
    private static readonly Pipeline Unknown = Pipeline.FromP4Info(new P4.Config.V1.P4Info());

    private readonly P4RuntimeSession _session;
    private readonly GnmiClient _ports;
    private readonly PipelineArtifacts? _artifacts;
    private readonly NodeSettings _node;
    private readonly TargetTraits? _configured;
    private readonly TargetPorts _pool;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private volatile TargetConnection _connection;
    private volatile bool _cannotList;
    private volatile TargetTraits _traits;
    private FetchedPipeline? _fetched;
    private long _poolGeneration = -1;
    private long _pipelineLoads;

    /// <summary>Creates the target. The caller starts and disposes session and client.</summary>
    /// <param name="session">The P4Runtime session, for tables.</param>
    /// <param name="ports">The gNMI client, for ports.</param>
    /// <param name="artifacts">The pipeline to push; null: the target has its own.</param>
    /// <param name="node">Determines the port numbering and the pipeline.</param>
    /// <param name="traits">The target's capabilities; null: they are detected.</param>
    /// <param name="pool">TAP ports that must exist before the pipeline is pushed.</param>
    /// <param name="logger">Logs pipelines and detection results.</param>
    public P4Target(P4RuntimeSession session, GnmiClient ports, PipelineArtifacts? artifacts, NodeSettings node, TargetTraits? traits,
        TargetPorts pool, ILogger logger)
    {
        _session = session;
        _ports = ports;
        _artifacts = artifacts;
        _node = node;
        _configured = traits;
        _pool = pool;
        _traits = traits ?? TargetTraits.Soft;
        _logger = logger;
        _connection = new TargetConnection(SessionState.Disconnected, "not connected yet", 0);
        session.StateChanged += OnStateChanged;
        Refresh(session.StateReason);
    }

    public event Action? ConnectionChanged;

    public TargetConnection Connection => _connection;

    public TargetTraits Traits => _traits;

    public Pipeline? Pipeline => _artifacts?.Pipeline ?? Volatile.Read(ref _fetched)?.Pipeline;

    Pipeline ITargetView.Pipeline => Pipeline ?? Unknown;

    public string PipelineName => _node.Profile.Name;

    public ulong Cookie => _artifacts?.Cookie ?? Volatile.Read(ref _fetched)?.Cookie ?? 0;

    public long PipelineLoads => Interlocked.Read(ref _pipelineLoads);

    /// <summary>Whether the pool ports exist, together with a pipeline loaded since the target was last reached.</summary>
    private bool HasPool => Interlocked.Read(ref _poolGeneration) == _connection.Generation;

    private PortRule PortRule => _node.Devices.PortRule;

    public async Task IdentifyAsync(CancellationToken cancellationToken)
    {
        if (_configured is not null)
        {
            return;
        }

        var version = await _session.GetApiVersionAsync(cancellationToken);
        var found = TargetTraits.Of(version, _node.Profile);
        if (!ReferenceEquals(found, _traits))
        {
            _traits = found;
            LogIdentified(found.Name, version);
        }
    }

    public async Task<bool> EnsurePipelineAsync(CancellationToken cancellationToken)
    {
        var generation = _connection.Generation;
        var isPushed = await LoadPipelineAsync(cancellationToken);
        Interlocked.Exchange(ref _poolGeneration, generation);
        return isPushed;
    }

    private async Task<bool> LoadPipelineAsync(CancellationToken cancellationToken)
    {
        if (_artifacts is null)
        {
            (var pipeline, var cookie) = await _session.FetchPipelineAsync(cancellationToken);
            if (!ReferenceEquals(Interlocked.Exchange(ref _fetched, new FetchedPipeline(pipeline, cookie))?.Pipeline, pipeline))
            {
                LogFetched(pipeline.Name, pipeline.Tables.Count, cookie);
            }

            return false;
        }

        // Whoever ran the package before, such as release 24.01's manager, may have pushed it without a cookie.
        if (!_node.Profile.IsBuiltIn && await _session.TakeUnmarkedAsync(_artifacts.Pipeline, cancellationToken))
        {
            return false;
        }

        PipelineCheck check;
        try
        {
            check = await _session.EnsurePipelineAsync(_artifacts.Pipeline, _artifacts.DeviceConfig, _artifacts.Cookie,
                _traits.CanReplacePipeline, PreparePoolAsync, cancellationToken);
        }
        catch (P4RuntimeException e) when (e.Code == StatusCode.Internal && !_traits.TakesPorts)
        {
            throw new P4RuntimeException(
                e.Code, $"{e.Message}; {_traits.Name} accepts a pipeline only after its ports exist; their number must be a power of two "
                    + "(Target:Ports)",
                e);
        }

        if (check.Pushed)
        {
            Interlocked.Increment(ref _pipelineLoads);
            LogPushed(_artifacts.Pipeline.Name, _artifacts.Cookie);
        }

        return check.Pushed;
    }

    public IAsyncEnumerable<Entry> ReadAsync(IReadOnlyCollection<TableSchema> tables, CancellationToken cancellationToken) =>
        _session.ReadTablesAsync(tables, cancellationToken);

    public IAsyncEnumerable<Entry> ReadEntriesAsync(IReadOnlyCollection<EntryKey> keys, CancellationToken cancellationToken) =>
        _session.ReadEntriesAsync(keys, cancellationToken);

    public IAsyncEnumerable<Entry> ReadTableAsync(TableSchema table, CancellationToken cancellationToken) =>
        _session.ReadTableAsync(table, cancellationToken);

    public IAsyncEnumerable<LearnedEntry> ReadLearnedAsync(TableSchema table, CancellationToken cancellationToken) =>
        _traits.ListsLearned
        ? _session.ReadLearnedAsync(table, cancellationToken)
        : throw new P4RuntimeException(
            StatusCode.Unimplemented, $"this target ({_traits.Name}) does not list what its pipeline has learned");

    public Task<IReadOnlyList<CounterCell>> ReadCountersAsync(CounterSchema counter, CancellationToken cancellationToken) =>
        _session.ReadCountersAsync(counter, byIndex: !_traits.ReadsWholeCounters, cancellationToken);

    public Task<IReadOnlyList<RowCounter>> ReadRowCountersAsync(TableSchema table, CancellationToken cancellationToken) =>
        _traits.ReadsRowCounters ? _session.ReadRowCountersAsync(table, cancellationToken) : throw NoRowCounters(table);

    public Task<IReadOnlyList<CountedEntry>> ReadCountedRowsAsync(TableSchema table, CancellationToken cancellationToken) =>
        _traits.ReadsRowCounters ? _session.ReadCountedEntriesAsync(table, cancellationToken) : throw NoRowCounters(table);

    public Task<IReadOnlyList<RegisterCell>> ReadRegistersAsync(RegisterSchema register, CancellationToken cancellationToken) =>
        _traits.ReadsRegisters
        ? _session.ReadRegistersAsync(register, cancellationToken)
        : throw new P4RuntimeException(StatusCode.Unimplemented, $"registers are not available on this target ({_traits.Name})");

    public Task<TargetLosses?> ReadLossesAsync(CancellationToken cancellationToken) => _ports.GetLossesAsync(cancellationToken);

    public Task<IReadOnlyDictionary<string, PortStatus>?> ReadPortsAsync(CancellationToken cancellationToken) =>
        _ports.GetPortStatesAsync(cancellationToken);

    public Task<WriteResult> WriteAsync(ReadOnlyMemory<EntryUpdate> updates, CancellationToken cancellationToken) =>
        ManagerInstruments.MeasureAsync(_session.WriteAsync(updates, cancellationToken));

    public async Task<IReadOnlyDictionary<string, uint>?> ListPortsAsync(CancellationToken cancellationToken)
    {
        if (_cannotList || PortRule == PortRule.Mac)
        {
            return null;
        }

        try
        {
            return await _ports.GetPortsAsync(cancellationToken);
        }
        catch (P4RuntimeException e) when (e.Code is StatusCode.Unimplemented or StatusCode.InvalidArgument or StatusCode.NotFound)
        {
            _cannotList = true;
            LogCannotList(e.Message);
            return null;
        }
    }

    // Some targets accept no ports once they have a pipeline.
    private async Task PreparePoolAsync(CancellationToken cancellationToken)
    {
        if (_pool.Names.Count == 0)
        {
            return;
        }

        var missing = new List<string>();
        foreach (var name in _pool.Names)
        {
            if (!_pool.CreatedExternally)
            {
                await _ports.AddPortAsync(name, TapAttributes(_node.Mtu), cancellationToken);
            }

            if (!await HasPortAsync(name, cancellationToken))
            {
                missing.Add(name);
            }
        }

        if (missing.Count > 0)
        {
            throw new P4RuntimeException(StatusCode.NotFound, DescribeMissing(missing));
        }

        LogPoolReady(_pool.Names.Count);
    }

    private P4RuntimeException NoRowCounters(TableSchema table) => new(
        StatusCode.Unimplemented, $"the counters of table {table.Alias} are not available on this target ({_traits.Name})");

    private string DescribeMissing(List<string> missing) =>
        $"the pipeline can't be pushed: {missing.Count} of the {_pool.Names.Count} Target:Ports {(missing.Count == 1 ? "does" : "do")} "
        + $"not exist ({string.Join(", ", missing)}); "
        + (_pool.CreatedExternally ? "create them, or set Target:MakePorts to true" : "the target reported success: check its log");

    // If the target reports a number even for an absent port, only its type shows whether it exists.
    private async Task<bool> HasPortAsync(string name, CancellationToken cancellationToken) => _traits.TellsAbsentPorts
        ? await _ports.GetPortIdAsync(name, cancellationToken) is not null
        : await _ports.GetPortTypeAsync(name, cancellationToken) is not null;

    // If numbers derive from MAC addresses, every possible port exists already and belongs to no one in particular.
    public Task<uint?> FindPortAsync(string name, CancellationToken cancellationToken) =>
        PortRule == PortRule.Mac || (!_traits.TellsAbsentPorts && !(_pool.Names.Contains(name) && HasPool))
        ? Task.FromResult<uint?>(null)
        : _ports.GetPortIdAsync(name, cancellationToken);

    public uint? ImpliedPort(PortSpec port) => PortRule == PortRule.Mac ? VportNumbers.PortOf(port.Mac) : null;

    public async Task<uint> AddPortAsync(PortSpec port, CancellationToken cancellationToken)
    {
        if (ImpliedPort(port) is { } implied)
        {
            return implied;
        }

        if (_pool.Names.Contains(port.Name))
        {
            // Created before the pipeline was pushed. Until then the target may report any number for it.
            return (HasPool ? await _ports.GetPortIdAsync(port.Name, cancellationToken) : null)
                ?? throw new P4RuntimeException(StatusCode.NotFound, $"port {port.Name} of Target:Ports does not exist");
        }

        if (!_traits.TakesPorts)
        {
            throw new P4RuntimeException(
                StatusCode.Unimplemented, $"{_traits.Name} accepts no ports at run time, and {port.Name} is not in Target:Ports; use "
                    + "device kind tap to get one of those");
        }

        if (port.IsTap)
        {
            await _ports.AddPortAsync(port.Name, TapAttributes(port.Mtu), cancellationToken);
        }
        else
        {
            await _ports.AddPortAsync(port.Name, cancellationToken);
        }

        return await _ports.GetPortIdAsync(port.Name, cancellationToken)
            ?? throw new P4RuntimeException(StatusCode.NotFound, $"port {port.Name}: the target accepted it but reports no number");
    }

    public Task RemovePortAsync(string name, CancellationToken cancellationToken) =>
        PortRule == PortRule.Mac ? Task.CompletedTask : _ports.RemovePortAsync(name, cancellationToken);

    /// <summary>The gNMI attributes to request a TAP port with this MTU in bytes.</summary>
    /// <remarks>
    /// P4-DPDK requires a pipeline and a memory pool; these are the names of its only ones. It creates the TAP as soon as it reads the
    /// port type, with defaults for attributes not set before, so the type comes last.
    /// </remarks>
    public static KeyValuePair<string, string>[] TapAttributes(int mtu) =>
        [new("mtu", mtu.ToString(CultureInfo.InvariantCulture)), new("pipeline-name", "pipe"), new("mempool-name", "MEMPOOL0"),
            new("port-type", "TAP")];

    public void Dispose() => _session.StateChanged -= OnStateChanged;

    private sealed record FetchedPipeline(Pipeline Pipeline, ulong Cookie);

    private void OnStateChanged(SessionStateChange change)
    {
        Refresh(change.Reason);
        ConnectionChanged?.Invoke();
    }

    // Events may arrive out of order, so the session's own state counts. Losing and regaining primary in between still starts a new
    // generation.
    private void Refresh(string reason)
    {
        lock (_gate)
        {
            var state = _session.State;
            _connection = new TargetConnection(
                state,
                state == SessionState.Primary ? "" : reason.Length > 0 ? reason : "not connected",
                state == SessionState.Primary ? _connection.Generation + 1 : _connection.Generation);
        }
    }
}
