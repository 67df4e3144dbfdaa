using System.Net;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.Uplink;

/// <summary>
/// Makes the kernel resolve the next hops and keep them resolved, follows its neighbours, and reports them. While the interface is missing
/// or its neighbours cannot be read, the last known ones stay. Not thread-safe, except for <see cref="SetWanted"/>.
/// </summary>
internal sealed partial class NeighborResolver
{
    /// <summary>How often neighbours that the kernel does not keep resolved by itself are confirmed.</summary>
    public static readonly TimeSpan RoundInterval = TimeSpan.FromSeconds(5);

    // The kernel asks three times, one second apart, before it gives up.
    private static readonly TimeSpan SnapshotLimit = TimeSpan.FromSeconds(4);
    private const int EventsAtOnce = 10_000;

    private readonly NeighborTable _table;
    private readonly INeighborSink _sink;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private RouteNetlink? _links;
    private NeighborMonitor? _monitor;
    private int _index;
    private bool _mustResync;
    private bool _isNew;
    private bool _hasSnapshot;
    private long _attached;
    private long _lastRound;
    private volatile IReadOnlyCollection<IPAddress> _wanted = [];
    private IReadOnlyCollection<IPAddress> _applied = [];

    /// <param name="uplink">The node's addresses on the node network, and the limit of neighbours.</param>
    /// <param name="sink">Receives the neighbours.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logger of the category Uplink.</param>
    public NeighborResolver(UplinkSettings uplink, INeighborSink sink, TimeProvider time, ILogger logger)
    {
        _table = new NeighborTable(new NeighborScope(uplink), uplink.MaxNeighbors, time);
        _sink = sink;
        _time = time;
        _logger = logger;
    }

    /// <summary>Why the kernel cannot be asked about a neighbour, in one line; otherwise empty.</summary>
    public string Problem { get; private set; } = "";

    /// <summary>Whether the sink has got all neighbours.</summary>
    public bool HasReported => _hasSnapshot;

    /// <summary>The number of neighbours with a MAC address.</summary>
    public int ResolvedCount => _table.ResolvedCount;

    public bool IsResolved(IPAddress address) => _table.IsResolved(address);

    /// <summary>Sets the next hops to keep resolved; takes effect with the next <see cref="Step"/>.</summary>
    public void SetWanted(IReadOnlyCollection<IPAddress> wanted) => _wanted = [.. wanted.Distinct()];

    /// <summary>Follows the neighbours of an interface. The monitor was opened before, so that no change is missed.</summary>
    public void Attach(RouteNetlink links, NeighborMonitor monitor, int index)
    {
        if (ReferenceEquals(_links, links) && _index == index)
        {
            return;
        }

        (_links, _monitor, _index) = (links, monitor, index);
        _mustResync = true;
        _isNew = true;
        _attached = _time.GetTimestamp();
        _lastRound = _attached;
    }

    /// <summary>Keeps the neighbours as they are until the next <see cref="Attach"/>.</summary>
    public void Detach() => (_links, _monitor, _index) = (null, null, 0);

    /// <summary>Reads pending neighbour events, sends the requests that are due to the kernel, and reports changes.</summary>
    /// <returns>When to call again at the latest.</returns>
    /// <exception cref="LinuxException">The neighbours cannot be read.</exception>
    public TimeSpan Step()
    {
        if (!ReferenceEquals(_applied, _wanted))
        {
            _applied = _wanted;
            _table.SetWanted(_applied);
        }

        if (_links is { } links)
        {
            ReadEvents();
            if (_mustResync)
            {
                _table.Resync(links.GetNeighbors(_index), areFailuresOld: _isNew);
                _mustResync = false;
                _isNew = false;
            }

            Ask(links);
        }

        var next = Report();
        if (_links is not null)
        {
            next = Min(next, RoundInterval - _time.GetElapsedTime(_lastRound));
        }

        return next > TimeSpan.Zero ? next : TimeSpan.Zero;
    }

    private void ReadEvents()
    {
        for (var i = 0; i < EventsAtOnce && _monitor!.TryRead(out var change); i++)
        {
            if (change.Kind == NeighborEventKind.Lost)
            {
                LogLost();
                _mustResync = true;
            }
            else if (change.Neighbor!.InterfaceIndex != _index)
            {
                continue;
            }
            else if (change.Kind == NeighborEventKind.Changed)
            {
                _table.Observe(change.Neighbor);
            }
            else
            {
                _table.Remove(change.Neighbor.Address);
            }
        }
    }

    private void Ask(RouteNetlink links)
    {
        var isRound = _time.GetElapsedTime(_lastRound) >= RoundInterval;
        if (!isRound && !_table.HasUrgentRequests)
        {
            return;
        }

        // The kernel deletes the neighbours of a link that goes down or away, and nothing answers there: that says nothing about them.
        if (links.GetLink(_index) is not { IsUp: true, HasCarrier: true, IsRunning: true })
        {
            Detach();
            return;
        }

        var problem = "";
        foreach (var (address, action) in _table.TakeRequests(isRound))
        {
            try
            {
                Ask(links, address, action);
            }
            catch (LinuxException e)
            {
                problem = e.Message;
            }
        }

        if (isRound)
        {
            _lastRound = _time.GetTimestamp();
        }

        if (isRound || problem.Length > 0)
        {
            Problem = problem;
        }
    }

    private void Ask(RouteNetlink links, IPAddress address, NeighborAction action)
    {
        var flags = action == NeighborAction.Keep ? NeighborFlags.Use | NeighborFlags.Managed : NeighborFlags.Use;
        _ = action == NeighborAction.Delete
            ? links.DeleteNeighbor(_index, address)
            : links.SetNeighbor(
                new NeighborEntry { InterfaceIndex = _index, Address = address, Flags = flags }, create: action != NeighborAction.Confirm);
    }

    private TimeSpan Report()
    {
        if (!_hasSnapshot)
        {
            // Before the first list there is nothing to say about any neighbour.
            if (_links is null || _mustResync)
            {
                return RoundInterval;
            }

            var left = SnapshotLimit - _time.GetElapsedTime(_attached);
            if (!_table.IsSettled && left > TimeSpan.Zero)
            {
                return left;
            }

            var all = _table.TakeSnapshot();
            _hasSnapshot = true;
            LogSnapshot(_table.ResolvedCount);
            _sink.Replace(all);
        }

        return _table.Report(Apply) ?? RoundInterval;
    }

    private void Apply(Neighbor changed)
    {
        if (changed.Mac is { } mac)
        {
            LogResolved(changed.Address, mac);
        }
        else
        {
            LogGone(changed.Address);
        }

        _sink.Apply(changed);
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    [LoggerMessage(EventId = 5101, Level = LogLevel.Information, Message = "Resolved neighbours on the uplink: {Count}")]
    private partial void LogSnapshot(int count);

    [LoggerMessage(EventId = 5102, Level = LogLevel.Debug, Message = "Neighbour {Address} is at {Mac}")]
    private partial void LogResolved(IPAddress address, MacAddress mac);

    [LoggerMessage(EventId = 5103, Level = LogLevel.Debug, Message = "Neighbour {Address} does not answer, or was given up")]
    private partial void LogGone(IPAddress address);

    [LoggerMessage(EventId = 5104, Level = LogLevel.Information, Message = "Neighbour events were lost; reading all neighbours again")]
    private partial void LogLost();
}
