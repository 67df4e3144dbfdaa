using Microsoft.AspNetCore.Connections;

namespace ACCOffload.Connections;

/// <summary>
/// Established connections, limited in total and per group: an identity, or else an address. At a limit, a new connection replaces the
/// oldest idle one of its group, so that a client which never closes connections is still served; at the total limit, it may replace one of
/// another group. Closes connections that are idle for too long, and aborts requests that do not arrive.
/// </summary>
internal sealed class ConnectionPool : IDisposable
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    // How long a client may keep a connection open after it was closed gracefully.
    private static readonly TimeSpan ClosingTime = TimeSpan.FromSeconds(5);

    // A younger connection is about to be used.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly List<TrackedConnection> _open = [];
    private readonly List<TrackedConnection> _closing = [];
    private readonly ConnectionPoolOptions _options;
    private readonly RefusalLog _refusals;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;

    public ConnectionPool(ConnectionPoolOptions options, RefusalLog refusals, TimeProvider time)
    {
        _options = options;
        _refusals = refusals;
        _time = time;
        _timer = time.CreateTimer(_ => Sweep(), null, SweepInterval, SweepInterval);
    }

    /// <summary>The number of connections, excluding those being closed.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _open.Count;
            }
        }
    }

    /// <summary>Serves a connection if the limits allow it.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="group">The group that it counts against.</param>
    /// <param name="who">The identity of the peer for the log, or empty.</param>
    /// <param name="next">Serves the connection.</param>
    public async Task RunAsync(ConnectionContext connection, string group, string who, ConnectionDelegate next)
    {
        var tracked = new TrackedConnection(connection, group, _time);
        if (!Enter(tracked))
        {
            _refusals.Refused(
                PeerName.Of(connection), who, RefusalReason.Connections,
                $"all {_options.MaxPerGroup(group)} connections of the group are in use");
            connection.Abort();
            return;
        }
        connection.Features.Set(tracked);
        try
        {
            await next(connection);
        }
        finally
        {
            lock (_lock)
            {
                _open.Remove(tracked);
                _closing.Remove(tracked);
            }
        }
    }

    public void Dispose() => _timer.Dispose();

    private bool Enter(TrackedConnection tracked)
    {
        TrackedConnection? victim = null;
        lock (_lock)
        {
            var full = _open.Count >= _options.MaxConnections;
            if (full || _open.Count(c => c.Group == tracked.Group) >= _options.MaxPerGroup(tracked.Group))
            {
                victim = OldestIdle(_open.Where(c => c.Group == tracked.Group))
                    ?? (full ? OldestIdle(_open) : null);
                // If all others are in use, a connection that is idle has just been opened.
                if (_options.ClosesBusy && (victim is null || _time.GetElapsedTime(victim.LastUse) < Fresh))
                {
                    victim = _open.FirstOrDefault(c => c.Group == tracked.Group) ?? _open[0];
                }

                if (victim is null)
                {
                    return false;
                }

                _open.Remove(victim);
            }
            _open.Add(tracked);
        }
        if (victim is not null)
        {
            Close(victim);
        }

        return true;
    }

    private static TrackedConnection? OldestIdle(IEnumerable<TrackedConnection> connections) =>
        connections.Where(c => c.IsIdle).MinBy(c => c.LastUse);

    // Notifies the client first, so that it does not start a request that would be lost.
    private void Close(TrackedConnection connection)
    {
        var graceful = connection.IsIdle;
        lock (_lock)
        {
            graceful &= _closing.Count < _options.MaxConnections;
            if (graceful)
            {
                _closing.Add(connection);
            }
        }
        if (graceful)
        {
            connection.RequestClose();
        }
        else
        {
            connection.Abort("too many connections");
        }
    }

    private void Sweep()
    {
        List<TrackedConnection> idle = [], late = [], open;
        lock (_lock)
        {
            foreach (var connection in _open)
            {
                if (connection.IsIdle && _time.GetElapsedTime(connection.LastUse) >= _options.Idle)
                {
                    idle.Add(connection);
                }
            }
            foreach (var connection in idle)
            {
                _open.Remove(connection);
            }

            foreach (var connection in _closing)
            {
                if (_time.GetElapsedTime(connection.ClosingSince) >= ClosingTime)
                {
                    late.Add(connection);
                }
            }
            open = [.. _open, .. _closing];
        }
        foreach (var connection in idle)
        {
            Close(connection);
        }

        foreach (var connection in late)
        {
            connection.Abort("the client did not close it in time");
        }

        foreach (var connection in open)
        {
            if (connection.AbortLateRequests(_options.RequestArrival) is { } path)
            {
                _refusals.Refused(
                    connection.Peer, "", RefusalReason.SlowRequest,
                    $"{path} did not arrive within {_options.RequestArrival.TotalSeconds:0} s");
            }
        }
    }
}
