using Microsoft.AspNetCore.Connections;

namespace ACCOffload.InfraManager.Security;

/// <summary>An established connection on the mutual TLS port, and whether the newest trust accepts it.</summary>
internal sealed class PeerConnection(ConnectionContext connection, ClientCertificate certificate, ClientIdentity identity, long generation)
{
    // Judged once per generation, and again when the verdict ends. The requests of a connection run on several threads.
    private readonly Lock _lock = new();
    private long _generation = generation;
    private ClientIdentity? _identity = identity;
    private string? _refusal;

    public string Peer { get; } = PeerName.Of(connection);

    public string Subject { get; } = identity.Subject;

    /// <summary>The client's identity; null, with the reason, once its certificate is no longer accepted. That is final.</summary>
    public ClientIdentity? Verify(TrustSnapshot trust, DateTimeOffset now, out string? refusal)
    {
        lock (_lock)
        {
            if (_identity is not null && (_generation < trust.Generation || _identity.RevocationKnownUntil < now))
            {
                _identity = trust.Judge(certificate, now, out _refusal);
                _generation = trust.Generation;
            }
            if (_identity is not null && _identity.NotAfter < now)
            {
                _refusal = $"the certificate expired on {_identity.NotAfter.UtcDateTime:u}";
                _identity = null;
            }
            refusal = _refusal;
            return _identity;
        }
    }

    /// <summary>Aborts the connection and every RPC on it.</summary>
    public void Close(string reason) => connection.Abort(new ConnectionAbortedException(reason));
}
