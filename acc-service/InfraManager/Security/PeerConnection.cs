using Microsoft.AspNetCore.Connections;

namespace ACCOffload.InfraManager.Security;

/// <summary>An established connection on the mutual TLS port, with its verdict under the newest trust.</summary>
internal sealed class PeerConnection(ConnectionContext connection, ClientCertificate certificate, ClientIdentity identity, long generation)
{
    // Judged anew at most once per generation; the requests of one connection come on several threads.
    private readonly Lock _lock = new();
    private long _generation = generation;
    private ClientIdentity? _identity = identity;
    private string? _refusal;

    public string Peer { get; } = PeerName.Of(connection);

    public string Subject { get; } = identity.Subject;

    /// <summary>Who the client is now; null, with the reason, once its certificate doesn't hold any more. That is final.</summary>
    public ClientIdentity? Verify(TrustSnapshot trust, DateTimeOffset now, out string? refusal)
    {
        lock (_lock)
        {
            if (_identity is not null && _generation < trust.Generation)
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

    /// <summary>Ends the connection with every RPC on it.</summary>
    public void Close(string reason) => connection.Abort(new ConnectionAbortedException(reason));
}
