using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace ACCOffload.Connections;

/// <summary>An established connection and its open requests. HTTP/2 pings do not count as use.</summary>
internal sealed class TrackedConnection(ConnectionContext connection, string group, string who, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly List<IncomingRequest> _requests = [];
    private long _lastUse = time.GetTimestamp();

    /// <summary>The group that it counts against.</summary>
    public string Group { get; } = group;

    public string Peer { get; } = PeerName.Of(connection);

    /// <summary>The identity of the peer for the log, or empty.</summary>
    public string Who { get; } = who;

    /// <summary>Timestamp of the last start or end of a request.</summary>
    public long LastUse => Volatile.Read(ref _lastUse);

    /// <summary>Timestamp of the decision to close it gracefully. Guarded by the pool's lock.</summary>
    public long ClosingSince { get; set; }

    public bool IsIdle
    {
        get
        {
            lock (_lock)
            {
                return _requests.Count == 0;
            }
        }
    }

    public IncomingRequest Begin(HttpContext context)
    {
        var request = new IncomingRequest(
            context.Request.Path.Value ?? "", context.Features.Get<IHttpRequestLifetimeFeature>(), time.GetTimestamp());
        lock (_lock)
        {
            _requests.Add(request);
        }

        Volatile.Write(ref _lastUse, request.Began);
        context.Features.Set(request);
        return request;
    }

    public void End(IncomingRequest request)
    {
        lock (_lock)
        {
            _requests.Remove(request);
        }

        Volatile.Write(ref _lastUse, time.GetTimestamp());
    }

    /// <summary>Closes the connection once its open requests have ended.</summary>
    public void RequestClose() => connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();

    public void Abort(string reason) => connection.Abort(new ConnectionAbortedException(reason));

    /// <summary>
    /// Aborts the requests that are still arriving after <paramref name="limit"/>. Returns the path of one; null if there are none.
    /// </summary>
    public string? AbortLateRequests(TimeSpan limit)
    {
        string? path = null;
        // Under the lock: once a request has ended, its features serve another one.
        lock (_lock)
        {
            foreach (var request in _requests)
            {
                if (request.Arrived || request.Aborted || time.GetElapsedTime(request.Began) < limit)
                {
                    continue;
                }

                request.Abort();
                path = request.Path;
            }
        }
        return path;
    }
}
