using P4.V1;

namespace ACCOffload.FaithfulTarget;

/// <summary>
/// A P4Runtime and gNMI server with the observed behaviour of infrap4d on P4-DPDK, including its faults; each can be switched off.
/// It forwards no packets. Apart from the generated messages and native-interop, it shares no code with the product. Thread-safe.
/// </summary>
public sealed class FaithfulServer : IAsyncDisposable
{
    private readonly SemaphoreSlim _restarting = new(1);
    private readonly TargetLog _log = new();
    private FaithfulOptions _options;
    private Device _device;
    private TargetProcess? _process;
    private int _port;

    private FaithfulServer(FaithfulOptions options)
    {
        _options = options;
        _device = NewDevice();
        _port = options.Port;
    }

    /// <summary>
    /// The address: <c>unix:/path</c>, <c>http://localhost:port</c> or <c>https://localhost:port</c>. Kept across restarts.
    /// </summary>
    public string Address => _options switch
    {
        { SocketPath.Length: > 0 } => $"unix:{_options.SocketPath}",
        { Certificate: null } => $"http://localhost:{_port}",
        _ => $"https://localhost:{_port}",
    };

    /// <summary>Completes with the reason once the current process has died and stopped listening.</summary>
    public Task<string> Died => _process!.Died;

    /// <summary>Whether the process is running.</summary>
    public bool IsAlive => !Died.IsCompleted;

    /// <summary>The created ports and their numbers.</summary>
    public IReadOnlyDictionary<string, uint> Ports => _device.Ports.ToDictionary(p => p.Key, p => p.Value.Number!.Value);

    /// <summary>The MTU of each port in bytes, as the target parsed it.</summary>
    public IReadOnlyDictionary<string, long> Mtus => _device.Ports.ToDictionary(p => p.Key, p => p.Value.Mtu);

    /// <summary>The accepted pipeline; null if there is none.</summary>
    public ForwardingPipelineConfig? Pipeline => _device.Config;

    /// <summary>All rows by the P4 name of their table, including those of learner tables.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<TableEntry>> Rows => _device.Rows();

    /// <summary>The members of all action profiles.</summary>
    public IReadOnlyList<ActionProfileMember> Members => _device.Members();

    /// <summary>The groups of all action profiles.</summary>
    public IReadOnlyList<ActionProfileGroup> Groups => _device.Groups();

    /// <summary>Pushes by the primary, accepted or not, across restarts.</summary>
    public int Pushes => _log.Pushes;

    /// <summary>Writes by the primary, across restarts.</summary>
    public int Writes => _log.Writes;

    /// <summary>Reads, across restarts.</summary>
    public int Reads => _log.Reads;

    /// <summary>Rows, members, groups and cells returned by Reads.</summary>
    public int EntitiesRead => _log.EntitiesRead;

    /// <summary>Requests to delete a port, successful or not, across restarts.</summary>
    public int PortDeletes => _log.PortDeletes;

    /// <summary>The updates of all Writes in the order of their execution, across restarts.</summary>
    public IReadOnlyList<LoggedUpdate> Updates => _log.Updates;

    /// <summary>Selects inserts and modifications to fail with RESOURCE_EXHAUSTED; none by default.</summary>
    public Func<Entity, bool> Refuses { get; set; } = _ => false;

    /// <summary>Starts a target.</summary>
    public static async Task<FaithfulServer> StartAsync(FaithfulOptions options)
    {
        var target = new FaithfulServer(options);
        await target.BeginAsync();
        return target;
    }

    /// <summary>Clears the counts and the log.</summary>
    public void ClearLog() => _log.Clear();

    /// <summary>Kills the process. When this returns, connections and links are gone and nothing listens.</summary>
    public async Task KillAsync()
    {
        _process!.End("killed");
        await Died;
    }

    /// <summary>Kills the process if it is running, and starts it at the same address.</summary>
    /// <param name="scriptTaps">The TAPs that its scripts create this time; null for the same as before.</param>
    public async Task RestartAsync(IReadOnlyList<ScriptTap>? scriptTaps = null)
    {
        await _restarting.WaitAsync();
        try
        {
            await KillAsync();
            _options = _options with { ScriptTaps = scriptTaps ?? _options.ScriptTaps };
            if (_options.Behaviours.ForgetsOnRestart)
            {
                _device = NewDevice();
            }
            else
            {
                _device.Reopen();
            }

            await BeginAsync();
        }
        finally
        {
            _restarting.Release();
        }
    }

    /// <summary>Sets a cell of an indirect counter.</summary>
    /// <param name="counter">The counter's P4 name.</param>
    /// <param name="index">The index, from 0.</param>
    /// <param name="data">The count.</param>
    public void Count(string counter, long index, CounterData data) => _device.Count(counter, index, data);

    /// <summary>Sets the direct counter of a row.</summary>
    public void Count(TableEntry row, CounterData data) => _device.Count(row, data);

    /// <summary>Inserts or replaces a row without a controller's request, to simulate drift.</summary>
    public void Put(TableEntry row) => _device.Drift(row, delete: false);

    /// <summary>Removes a row without a controller's request, to simulate drift.</summary>
    public void Remove(TableEntry row) => _device.Drift(row, delete: true);

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            await process.DisposeAsync();
        }

        _restarting.Dispose();
    }

    private Device NewDevice() => new(_options, _log, e => Refuses(e));

    private async Task BeginAsync()
    {
        var before = _process;
        _process = await TargetProcess.StartAsync(_options, _log, _device, _port);
        _port = _process.Port;
        if (before is not null)
        {
            await before.DisposeAsync();
        }
    }
}
