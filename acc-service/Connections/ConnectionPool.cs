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
        var tracked = new TrackedConnection(connection, group, who, _time);
        if (Enter(tracked) is { } refusal)
        {
            _refusals.Refused(tracked.Peer, who, RefusalReason.Connections, refusal);
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

    /// <returns>Why the connection is refused; null if it is not.</returns>
    private string? Enter(TrackedConnection tracked)
    {
        TrackedConnection? victim = null;
        var isGraceful = false;
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
                    return full
                        ? $"all {_options.MaxConnections} connections are in use"
                        : $"all {_options.MaxPerGroup(tracked.Group)} connections of the group are in use";
                }

                isGraceful = BeginClose(victim);
            }
            _open.Add(tracked);
        }
        if (victim is not null)
        {
            Close(victim, isGraceful);
        }

        return null;
    }

    private static TrackedConnection? OldestIdle(IEnumerable<TrackedConnection> connections) =>
        connections.Where(c => c.IsIdle).MinBy(c => c.LastUse);

    /// <summary>Takes a connection out of the open ones. Called under the lock: it may end at any other moment.</summary>
    /// <returns>Whether it is closed gracefully.</returns>
    private bool BeginClose(TrackedConnection connection)
    {
        _open.Remove(connection);
        if (!connection.IsIdle || _closing.Count >= _options.MaxConnections)
        {
            return false;
        }

        connection.ClosingSince = _time.GetTimestamp();
        _closing.Add(connection);
        return true;
    }

    // Notifies the client first, so that it does not start a request that would be lost.
    private static void Close(TrackedConnection connection, bool isGraceful)
    {
        if (isGraceful)
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
        List<TrackedConnection> late = [], open;
        List<(TrackedConnection Connection, bool IsGraceful)> idle = [];
        lock (_lock)
        {
            foreach (var connection in _open.Where(c => c.IsIdle && _time.GetElapsedTime(c.LastUse) >= _options.Idle).ToList())
            {
                idle.Add((connection, BeginClose(connection)));
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
        foreach (var (connection, isGraceful) in idle)
        {
            Close(connection, isGraceful);
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
                    connection.Peer, connection.Who, RefusalReason.SlowRequest,
                    $"{path} did not arrive within {_options.RequestArrival.TotalSeconds:0} s");
            }
        }
    }
}
