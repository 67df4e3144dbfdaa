using P4.V1;

namespace ACCOffload.Faithful;

/// <summary>
/// A P4Runtime and gNMI server that behaves as a real infrap4d on P4-DPDK was seen to, its faults included; each can be switched off. It forwards no
/// packets. It shares no code with the product but the generated messages. Thread-safe.
/// </summary>
public sealed class FaithfulTarget : IAsyncDisposable
{
    private readonly SemaphoreSlim _restarting = new(1);
    private readonly TargetLog _log = new();
    private FaithfulOptions _options;
    private Device _device;
    private Life? _life;
    private int _port;

    private FaithfulTarget(FaithfulOptions options)
    {
        _options = options;
        _device = NewDevice();
        _port = options.Port;
    }

    /// <summary>Where it listens: <c>unix:/path</c>, <c>http://localhost:port</c> or <c>https://localhost:port</c>. The same over restarts.</summary>
    public string Address => _options switch
    {
        { SocketPath.Length: > 0 } => $"unix:{_options.SocketPath}",
        { Certificate: null } => $"http://localhost:{_port}",
        _ => $"https://localhost:{_port}",
    };

    /// <summary>Done when the current life has ended and nothing listens any more, with the reason.</summary>
    public Task<string> Died => _life!.Died;

    /// <summary>Whether it has not died since its last start.</summary>
    public bool IsAlive => !Died.IsCompleted;

    /// <summary>The ports that were made, and their numbers.</summary>
    public IReadOnlyDictionary<string, uint> Ports => _device.Ports.ToDictionary(p => p.Key, p => p.Value.Number!.Value);

    /// <summary>The MTU of each port in bytes, as the target understood it.</summary>
    public IReadOnlyDictionary<string, long> Mtus => _device.Ports.ToDictionary(p => p.Key, p => p.Value.Mtu);

    /// <summary>The accepted pipeline; null before.</summary>
    public ForwardingPipelineConfig? Pipeline => _device.Config;

    /// <summary>All rows by the P4 name of their table, learners included where they hold any.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<TableEntry>> Rows => _device.Rows();

    /// <summary>The members of all action profiles.</summary>
    public IReadOnlyList<ActionProfileMember> Members => _device.Members();

    /// <summary>The groups of all action profiles.</summary>
    public IReadOnlyList<ActionProfileGroup> Groups => _device.Groups();

    /// <summary>Pushes by the primary, accepted or not, over all lives.</summary>
    public int Pushes => _log.Pushes;

    /// <summary>Writes by the primary, over all lives.</summary>
    public int Writes => _log.Writes;

    /// <summary>Reads, over all lives.</summary>
    public int Reads => _log.Reads;

    /// <summary>How many rows, members, groups and cells Reads were answered with.</summary>
    public int EntitiesRead => _log.EntitiesRead;

    /// <summary>Ports that somebody asked to have deleted, done or refused, over all lives.</summary>
    public int PortDeletes => _log.PortDeletes;

    /// <summary>The updates of all Writes in the order in which they were done, over all lives.</summary>
    public IReadOnlyList<LoggedUpdate> Updates => _log.Updates;

    /// <summary>What is refused with RESOURCE_EXHAUSTED, such as for want of room; nothing unless set. Deletes are not asked about.</summary>
    public Func<Entity, bool> Refuses { get; set; } = _ => false;

    /// <summary>Starts a target.</summary>
    public static async Task<FaithfulTarget> StartAsync(FaithfulOptions options)
    {
        var target = new FaithfulTarget(options);
        await target.BeginAsync();
        return target;
    }

    /// <summary>Forgets the counts and the log.</summary>
    public void ClearLog() => _log.Clear();

    /// <summary>Kills the process: connections and links are gone and nothing listens when this returns.</summary>
    public async Task KillAsync()
    {
        _life!.End("killed");
        await Died;
    }

    /// <summary>Kills the process if it lives, and starts it again at the same address.</summary>
    /// <param name="ownTaps">What its scripts make this time; null: the same as before.</param>
    public async Task RestartAsync(IReadOnlyList<OwnTap>? ownTaps = null)
    {
        await _restarting.WaitAsync();
        try
        {
            await KillAsync();
            _options = _options with { OwnTaps = ownTaps ?? _options.OwnTaps };
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

    /// <summary>Sets what a cell of an indirect counter has counted.</summary>
    /// <param name="counter">Its P4 name.</param>
    /// <param name="index">From 0.</param>
    /// <param name="data">The count.</param>
    public void Count(string counter, long index, CounterData data) => _device.Count(counter, index, data);

    /// <summary>Sets what the direct counter of a row has counted.</summary>
    public void Count(TableEntry row, CounterData data) => _device.Count(row, data);

    /// <summary>Inserts or replaces a row behind the controller's back.</summary>
    public void Put(TableEntry row) => _device.Drift(row, delete: false);

    /// <summary>Removes a row behind the controller's back.</summary>
    public void Remove(TableEntry row) => _device.Drift(row, delete: true);

    public async ValueTask DisposeAsync()
    {
        if (_life is { } life)
        {
            await life.DisposeAsync();
        }

        _restarting.Dispose();
    }

    private Device NewDevice() => new(_options, _log, e => Refuses(e));

    private async Task BeginAsync()
    {
        var before = _life;
        _life = await Life.StartAsync(_options, _log, _device, _port);
        _port = _life.Port;
        if (before is not null)
        {
            await before.DisposeAsync();
        }
    }
}
