using System.Collections.Concurrent;

namespace ACCOffload.InfraManager.Security;

/// <summary>
/// The established connections on the mutual TLS port. Closes those whose certificate is no longer accepted: because the bundle or a
/// revocation list changed, or because a certificate of the chain or a revocation list expired.
/// </summary>
internal sealed partial class PeerConnections : IDisposable
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<PeerConnection, byte> _connections = new();
    private readonly TrustStore _trust;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _timer;

    public PeerConnections(TrustStore trust, TimeProvider time, ILogger logger)
    {
        _trust = trust;
        _time = time;
        _logger = logger;
        _trust.Changed += Sweep;
        _timer = time.CreateTimer(_ => Sweep(), null, SweepInterval, SweepInterval);
    }

    public int Count => _connections.Count;

    public void Add(PeerConnection connection) => _connections.TryAdd(connection, 0);

    public void Remove(PeerConnection connection) => _connections.TryRemove(connection, out _);

    /// <summary>
    /// The client's identity for a request on the connection. If its certificate is no longer accepted: null, and the connection is closed.
    /// </summary>
    public ClientIdentity? Admit(PeerConnection connection)
    {
        var identity = connection.Verify(_trust.Current, _time.GetUtcNow(), out var refusal);
        if (identity is null)
        {
            Close(connection, refusal!);
        }

        return identity;
    }

    public void Dispose()
    {
        _trust.Changed -= Sweep;
        _timer.Dispose();
    }

    private void Sweep()
    {
        foreach (var connection in _connections.Keys)
        {
            Admit(connection);
        }
    }

    private void Close(PeerConnection connection, string reason)
    {
        // Only the caller that removes the connection logs it.
        if (_connections.TryRemove(connection, out _))
        {
            LogClosed(connection.Peer, ConfigurationError.OneLine(connection.Subject), ConfigurationError.OneLine(reason, 300));
        }

        connection.Close(reason);
    }

    [LoggerMessage(EventId = 2030, Level = LogLevel.Warning, Message = "Closed the connection of {Peer} ({Subject}): {Reason}")]
    private partial void LogClosed(string peer, string subject, string reason);
}
