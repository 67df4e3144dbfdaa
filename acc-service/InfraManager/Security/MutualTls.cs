using System.Net.Security;
using System.Security.Authentication;
using ACCOffload.InfraManager.Configuration;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace ACCOffload.InfraManager.Security;

/// <summary>Makes a listener one that only clients with a valid certificate and role get through, under TLS 1.3.</summary>
internal sealed class MutualTls(ApiSettings settings, TrustStore trust, PeerConnections connections, RefusalLog refusals, TimeProvider time)
{
    private readonly ConnectionLimit _limit = new(settings.MaxConnections, refusals);

    /// <summary>What the handshake found out, for the parts of the connection after it.</summary>
    private sealed class Handshake
    {
        public required TrustSnapshot Trust { get; init; }

        public ClientCertificate? Certificate { get; set; }

        public ClientIdentity? Identity { get; set; }

        public bool Told { get; set; }
    }

    public void Apply(ListenOptions listen)
    {
        listen.Protocols = HttpProtocols.Http2;
        listen.Use(next => connection => _limit.RunAsync(connection, c => BeforeTlsAsync(c, next)));
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = OnConnection,
            HandshakeTimeout = settings.HandshakeTimeout,
        });
        listen.Use(next => connection => AfterTlsAsync(connection, next));
    }

    /// <summary>Tells of handshakes that failed before a certificate could be judged.</summary>
    private async Task BeforeTlsAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var note = HandshakeErrors.Begin();
        await next(connection);
        if (connection.Features.Get<PeerConnection>() is not null || connection.Features.Get<Handshake>() is { Told: true })
            return;
        refusals.Refused(PeerName.Of(connection), "", HandshakeErrors.Explain(note));
    }

    private ValueTask<SslServerAuthenticationOptions> OnConnection(TlsHandshakeCallbackContext context)
    {
        // One connection is judged by one snapshot, and again by the newest one once it stands.
        var handshake = new Handshake { Trust = trust.Current };
        context.Connection.Features.Set(handshake);
        return ValueTask.FromResult(new SslServerAuthenticationOptions
        {
            ServerCertificateContext = handshake.Trust.Server,
            EnabledSslProtocols = SslProtocols.Tls13,
            ClientCertificateRequired = true,
            CertificateChainPolicy = handshake.Trust.ChainPolicy(time.GetUtcNow()),
            RemoteCertificateValidationCallback = (_, certificate, chain, _) => Validate(context.Connection, handshake, certificate, chain),
            ApplicationProtocols = [SslApplicationProtocol.Http2],
            EncryptionPolicy = EncryptionPolicy.RequireEncryption,
            AllowRenegotiation = false,
            // A resumed session would skip the certificate's judgement.
            AllowTlsResume = false,
        });
    }

    private bool Validate(
        BaseConnectionContext connection,
        Handshake handshake,
        System.Security.Cryptography.X509Certificates.X509Certificate? certificate,
        System.Security.Cryptography.X509Certificates.X509Chain? chain)
    {
        handshake.Told = true;
        if (certificate is null)
        {
            refusals.Refused(PeerName.Of(connection), "", "it presented no certificate");
            return false;
        }
        handshake.Certificate = ClientCertificate.From(certificate, chain);
        handshake.Identity = handshake.Trust.Judge(handshake.Certificate, time.GetUtcNow(), out var refusal);
        if (handshake.Identity is not null)
            return true;
        refusals.Refused(PeerName.Of(connection), ConfigurationError.OneLine(certificate.Subject), refusal!);
        return false;
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
                await next(connection);
        }
        finally
        {
            connections.Remove(peer);
        }
    }
}
