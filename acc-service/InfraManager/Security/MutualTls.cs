using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ACCOffload.InfraManager.Security;

/// <summary>Restricts a listener to clients with a valid certificate and role, under TLS 1.3.</summary>
/// <param name="settings">The limits.</param>
/// <param name="node">The node whose host may use all of <see cref="ApiSettings.Connections"/>.</param>
/// <param name="trust">Checks certificates.</param>
/// <param name="connections">Rechecks the certificates of established connections.</param>
/// <param name="refusals">Logs refused clients.</param>
/// <param name="time">The clock.</param>
internal sealed class MutualTls(
    ApiSettings settings, string node, TrustStore trust, PeerConnections connections, RefusalLog refusals, TimeProvider time) : IDisposable
{
    private const string ThisNode = "this node";
    private const string OtherNodes = "other nodes";

    /// <summary>Maximum number of connections from other nodes; their requests are refused with a message that names this node.</summary>
    private const int MaxOfOtherNodes = 8;

    private readonly TlsListener _listener = new(settings.Connections, refusals);
    private readonly ConnectionPool _pool = new(
        new ConnectionPoolOptions
        {
            MaxPerGroup = group => group == ThisNode ? settings.Connections.MaxConnections : MaxOfOtherNodes,
            MaxConnections = settings.Connections.MaxConnections + MaxOfOtherNodes,
            Idle = settings.Connections.Idle,
            RequestArrival = settings.Connections.RequestArrival,
        },
        refusals,
        time);

    /// <summary>The result of the handshake, for the code that serves the connection afterwards.</summary>
    private sealed class Handshake
    {
        public required TrustSnapshot Trust { get; init; }

        public ClientCertificate? Certificate { get; set; }

        public ClientIdentity? Identity { get; set; }
    }

    public void Apply(ListenOptions listen) => _listener.Apply(listen, OnHello, AfterTlsAsync);

    public void Dispose() => _pool.Dispose();

    private TlsTerms OnHello(ConnectionContext connection)
    {
        // A handshake is checked against one snapshot, and the connection against the newest one once it is established.
        var handshake = new Handshake { Trust = trust.Current };
        connection.Features.Set(handshake);
        return new TlsTerms(
            handshake.Trust.Server, handshake.Trust.ChainPolicy(time.GetUtcNow()),
            (certificate, chain) => Judge(handshake, certificate, chain));
    }

    private string? Judge(Handshake handshake, X509Certificate certificate, X509Chain? chain)
    {
        handshake.Certificate = ClientCertificate.From(certificate, chain);
        handshake.Identity = handshake.Trust.Judge(handshake.Certificate, time.GetUtcNow(), out var refusal);
        return handshake.Identity is null ? refusal : null;
    }

    private async Task AfterTlsAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        // Without an identity, the connection is not served, even if the TLS layer accepted it.
        if (connection.Features.Get<Handshake>() is not { Certificate: { } certificate, Identity: { } identity } handshake)
        {
            connection.Abort();
            return;
        }
        var peer = new PeerConnection(connection, certificate, identity, handshake.Trust.Generation);
        connection.Features.Set(peer);
        connections.Add(peer);
        try
        {
            // The trust may have changed during the handshake, when the sweep did not include this connection yet.
            if (connections.Admit(peer) is not null)
            {
                await _pool.RunAsync(connection, identity.Node == node ? ThisNode : OtherNodes, identity.Subject, next);
            }
        }
        finally
        {
            connections.Remove(peer);
        }
    }
}
