using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ACCOffload.InfraManager.Security;

/// <summary>Makes a listener one that only clients with a valid certificate and role get through, under TLS 1.3.</summary>
/// <param name="settings">The limits.</param>
/// <param name="node">The node whose host has the connections of <see cref="ApiSettings.Connections"/> to itself.</param>
/// <param name="trust">Judges certificates.</param>
/// <param name="connections">Judges them again while they are connected.</param>
/// <param name="refusals">Tells of those that were refused.</param>
/// <param name="time">The clock.</param>
internal sealed class MutualTls(ApiSettings settings, string node, TrustStore trust, PeerConnections connections, RefusalLog refusals, TimeProvider time) : IDisposable
{
    private const string ThisNode = "this node";
    private const string OtherNodes = "other nodes";

    /// <summary>Connections with certificates of other nodes, which are told that they are wrong here.</summary>
    private const int MostOfOtherNodes = 8;

    private readonly TlsListener _listener = new(settings.Connections, refusals);
    private readonly ConnectionPool _pool = new(
        new ConnectionPoolOptions
        {
            MostOf = group => group == ThisNode ? settings.Connections.MaxConnections : MostOfOtherNodes,
            Most = settings.Connections.MaxConnections + MostOfOtherNodes,
            Idle = settings.Connections.Idle,
            RequestArrival = settings.Connections.RequestArrival,
        },
        refusals,
        time);

    /// <summary>What the handshake found out, for the parts of the connection after it.</summary>
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
        // One connection is judged by one snapshot, and again by the newest one once it stands.
        var handshake = new Handshake { Trust = trust.Current };
        connection.Features.Set(handshake);
        return new TlsTerms(handshake.Trust.Server, handshake.Trust.ChainPolicy(time.GetUtcNow()), (certificate, chain) => Judge(handshake, certificate, chain));
    }

    private string? Judge(Handshake handshake, X509Certificate certificate, X509Chain? chain)
    {
        handshake.Certificate = ClientCertificate.From(certificate, chain);
        handshake.Identity = handshake.Trust.Judge(handshake.Certificate, time.GetUtcNow(), out var refusal);
        return handshake.Identity is null ? refusal : null;
    }

    private async Task AfterTlsAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        // Nothing without an identity goes on, whatever the TLS layer let through.
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
            // The trust may have changed while the handshake ran; the sweep didn't see this connection then.
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
