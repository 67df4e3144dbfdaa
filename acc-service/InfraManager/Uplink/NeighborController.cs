using System.Net;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Retries;

namespace ACCOffload.InfraManager.Uplink;

/// <summary>
/// Submits the neighbours that the kernel has resolved to the programmer: none before the first complete list, then only the latest state
/// of those that changed. Failures are retried.
/// </summary>
internal sealed partial class NeighborController : INeighborSink, IAsyncDisposable
{
    private readonly IProgrammer _programmer;
    private readonly ILogger _logger;
    private readonly IntentSubmitter _submitter;
    private readonly ChangeSignal _signal = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, MacAddress> _resolved = [];
    private readonly HashSet<IPAddress> _changed = [];
    private bool _hasList;
    private bool _isStopped;

    // All neighbours have to be submitted: after the first list, and when other next hops are needed.
    private bool _mustSubmitAll;
    private Task _running = Task.CompletedTask;

    public NeighborController(IProgrammer programmer, TimeProvider time, ILogger logger)
    {
        _programmer = programmer;
        _logger = logger;
        _submitter = new IntentSubmitter(
            programmer, new Backoff(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(15)), time, LogFailed, LogResumed);
    }

    /// <summary>Receives the addresses to keep resolved, at start and after every change.</summary>
    public Action<IReadOnlyCollection<IPAddress>> Wanted { get; set; } = static _ => { };

    public void Start()
    {
        _programmer.NextHopsChanged += OnNextHopsChanged;
        Wanted(_programmer.NextHops);
        _running = Task.Run(() => _submitter.RunAsync(_signal, SubmitAsync, _stop.Token));
    }

    public void Replace(IReadOnlyCollection<Neighbor> all)
    {
        lock (_lock)
        {
            _resolved.Clear();
            foreach (var neighbor in all)
            {
                Set(neighbor);
            }

            _hasList = true;
            _mustSubmitAll = true;
            Wake();
        }
    }

    public void Apply(Neighbor changed)
    {
        lock (_lock)
        {
            Set(changed);
            Wake();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _programmer.NextHopsChanged -= OnNextHopsChanged;
        lock (_lock)
        {
            _isStopped = true;
        }

        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
        _signal.Dispose();
    }

    private void Set(Neighbor neighbor)
    {
        _changed.Add(neighbor.Address);
        if (neighbor.Mac is { } mac)
        {
            _resolved[neighbor.Address] = mac;
        }
        else
        {
            _resolved.Remove(neighbor.Address);
        }
    }

    private void OnNextHopsChanged()
    {
        Wanted(_programmer.NextHops);
        lock (_lock)
        {
            // A neighbour that does not answer keeps its row only while something needs it.
            _mustSubmitAll = true;
            Wake();
        }
    }

    private void Wake()
    {
        if (!_isStopped)
        {
            _signal.Set();
        }
    }

    /// <summary>The next changes, or null: before the first list it is unknown which neighbours are gone.</summary>
    private NeighborsIntent? Take()
    {
        lock (_lock)
        {
            if (!_hasList || (_changed.Count == 0 && !_mustSubmitAll))
            {
                return null;
            }

            var kept = _programmer.NextHops;
            var addresses = _mustSubmitAll ? _resolved.Keys.ToHashSet() : null;
            var changes = (addresses ?? _changed).Select(a => (a, _resolved.TryGetValue(a, out var mac) ? mac : (MacAddress?)null));
            var intent = new NeighborsIntent([.. changes], kept) { Addresses = addresses };
            _changed.Clear();
            _mustSubmitAll = false;
            return intent;
        }
    }

    /// <returns>Whether everything is in effect; otherwise everything is submitted again.</returns>
    private async Task<bool> SubmitAsync(CancellationToken cancellationToken)
    {
        if (Take() is not { } intent || await _submitter.TrySubmitAsync(intent, cancellationToken) is not null)
        {
            return true;
        }

        lock (_lock)
        {
            _mustSubmitAll = true;
        }

        return false;
    }

    [LoggerMessage(EventId = 4301, Level = LogLevel.Warning,
        Message = "The latest neighbours are not in effect: {Problem}; retrying, the last ones stay in use")]
    private partial void LogFailed(string problem);

    [LoggerMessage(EventId = 4302, Level = LogLevel.Information, Message = "The latest neighbours are in effect")]
    private partial void LogResumed();
}
