using System.Net;
using System.Net.Sockets;
using ACCOffload.Protos;

namespace ACCOffload.HealthChecks;

/// <summary>
/// Answers load balancers' health checks (<c>healthCheckNodePort</c>) as kube-proxy does: 200 if this node is healthy and has ready
/// backends of the service, otherwise 503, and their number. One listener for each service and address. Thread-safe.
/// </summary>
/// <param name="isHealthy">Whether changes of backends reach the pipeline.</param>
/// <param name="logger">Receives what is served, and what can't be.</param>
public sealed partial class HealthCheckServer(Func<bool> isHealthy, ILogger logger) : IAsyncDisposable
{
    // For an address that the machine does not have yet, or a port that another program uses.
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);

    private readonly ILogger _logger = logger;
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _changed = new(0, 1);
    private readonly Dictionary<Place, HealthCheckListener> _listeners = [];
    private readonly Dictionary<Place, string> _failures = [];
    private Dictionary<(string Namespace, string Name), HealthCheck> _checks = [];
    private IReadOnlyList<IPAddress> _addresses = [];
    private bool _isOver;

    /// <summary>Sets the addresses to listen on.</summary>
    public void SetAddresses(IReadOnlyList<IPAddress> addresses)
    {
        lock (_lock)
        {
            _addresses = addresses;
            Signal();
        }
    }

    /// <summary>Sets, or removes, the check of one service.</summary>
    public void Set((string Namespace, string Name) service, HealthCheck? check)
    {
        lock (_lock)
        {
            if (check is not null)
            {
                _checks[service] = check;
            }
            else if (!_checks.Remove(service))
            {
                // Most services have no health check and never had one.
                return;
            }

            Signal();
        }
    }

    /// <summary>Replaces the addresses and all checks.</summary>
    public void Replace(IReadOnlyList<IPAddress> addresses, IEnumerable<HealthCheck> checks)
    {
        var all = new Dictionary<(string Namespace, string Name), HealthCheck>();
        foreach (var check in checks)
        {
            all[(check.Namespace, check.Name)] = check;
        }

        lock (_lock)
        {
            (_addresses, _checks) = (addresses, all);
            Signal();
        }
    }

    /// <summary>Opens and closes listeners until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await _changed.WaitAsync(_failures.Count > 0 ? Retry : Timeout.InfiniteTimeSpan, cancellationToken);
                await ApplyAsync();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
    }

    /// <summary>Closes the listeners. To be called after <see cref="RunAsync"/> has returned.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var listener in _listeners.Values)
        {
            await listener.DisposeAsync();
        }

        _listeners.Clear();
        _changed.Dispose();
    }

    // Under the lock, so that the count stays below its maximum.
    private void Signal()
    {
        if (_changed.CurrentCount == 0)
        {
            _changed.Release();
        }
    }

    private async Task ApplyAsync()
    {
        var wanted = Wanted();
        // First those that close: another service may take over the port.
        foreach (var place in _listeners.Keys.Where(p => !wanted.ContainsKey(p)).ToList())
        {
            await _listeners[place].DisposeAsync();
            _listeners.Remove(place);
        }

        foreach (var place in _failures.Keys.Where(p => !wanted.ContainsKey(p)).ToList())
        {
            _failures.Remove(place);
        }

        foreach (var (place, check) in wanted)
        {
            if (_listeners.TryGetValue(place, out var listener))
            {
                listener.Check = check;
                continue;
            }

            try
            {
                _listeners.Add(place, HealthCheckListener.Start(place.EndPoint, check, isHealthy));
                _failures.Remove(place);
                LogServing(check.Namespace, check.Name, place.EndPoint);
            }
            catch (SocketException e)
            {
                if (_failures.GetValueOrDefault(place) != e.Message)
                {
                    _failures[place] = e.Message;
                    LogNotServing(check.Namespace, check.Name, place.EndPoint, e.Message);
                }
            }
        }
    }

    private Dictionary<Place, HealthCheck> Wanted()
    {
        lock (_lock)
        {
            var isOver = _checks.Count > ProtocolLimits.MaxHealthChecks;
            if (isOver && !_isOver)
            {
                LogTooMany(_checks.Count, ProtocolLimits.MaxHealthChecks);
            }

            _isOver = isOver;

            // The same ones each time.
            return _checks.Values.OrderBy(c => c.Namespace, StringComparer.Ordinal).ThenBy(c => c.Name, StringComparer.Ordinal)
                .Take(ProtocolLimits.MaxHealthChecks)
                .SelectMany(c => _addresses.Distinct().Select(a => (Check: c, EndPoint: new IPEndPoint(a, c.Port))))
                .ToDictionary(p => new Place(p.Check.Namespace, p.Check.Name, p.EndPoint), p => p.Check);
        }
    }

    private sealed record Place(string Namespace, string Name, IPEndPoint EndPoint);

    [LoggerMessage(EventId = 4111, Level = LogLevel.Information,
        Message = "Serving the health check of service {Namespace}/{Service} on {Address}")]
    private partial void LogServing(string @namespace, string service, IPEndPoint address);

    [LoggerMessage(EventId = 4112, Level = LogLevel.Warning,
        Message = "Cannot serve the health check of service {Namespace}/{Service} on {Address}: {Reason}. Retrying")]
    private partial void LogNotServing(string @namespace, string service, IPEndPoint address, string reason);

    [LoggerMessage(EventId = 4113, Level = LogLevel.Warning,
        Message = "{Checks} services have a health check, more than {Limit}: the rest are not served")]
    private partial void LogTooMany(int checks, int limit);
}
