using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace ACCOffload.Connections;

/// <summary>A TLS 1.3 listener for clients with certificates. Limits handshakes and logs those that fail.</summary>
internal sealed class TlsListener(ConnectionLimits limits, RefusalLog refusals)
{
    private readonly HandshakePool _handshakes = new(limits.MaxHandshakes, limits.MaxHandshakesPerAddress, refusals);

    /// <summary>Configures the listener.</summary>
    /// <param name="listen">Kestrel's listener.</param>
    /// <param name="hello">Returns the TLS requirements for a connection whose ClientHello has arrived.</param>
    /// <param name="authenticated">Runs a connection after its handshake.</param>
    public void Apply(
        ListenOptions listen, Func<ConnectionContext, TlsTerms> hello, Func<ConnectionContext, ConnectionDelegate, Task> authenticated)
    {
        listen.Protocols = HttpProtocols.Http2;
        listen.Use(next => connection => BeforeTlsAsync(connection, next));
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = context => ValueTask.FromResult(OnHello(context.Connection, hello(context.Connection))),
            HandshakeTimeout = limits.HandshakeTimeout,
        });
        listen.Use(next => connection => AfterTlsAsync(connection, next, authenticated));
    }

    private async Task BeforeTlsAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var entry = _handshakes.Enter(connection);
        connection.Features.Set(entry);
        var note = HandshakeErrors.Begin();
        try
        {
            await next(connection);
        }
        finally
        {
            _handshakes.Leave(entry);
        }
        if (!entry.Settled)
        {
            refusals.Refused(PeerName.Of(connection), "", RefusalReason.Handshake, HandshakeErrors.Explain(note));
        }
    }

    private SslServerAuthenticationOptions OnHello(ConnectionContext connection, TlsTerms terms)
    {
        connection.Features.Get<HandshakePool.Entry>()!.Spoke = true;
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = terms.Server,
            EnabledSslProtocols = SslProtocols.Tls13,
            ClientCertificateRequired = true,
            CertificateChainPolicy = terms.ChainPolicy,
            RemoteCertificateValidationCallback = (_, certificate, chain, _) => Judge(connection, terms, certificate, chain),
            ApplicationProtocols = [SslApplicationProtocol.Http2],
            EncryptionPolicy = EncryptionPolicy.RequireEncryption,
            AllowRenegotiation = false,
            // A resumed session would skip the certificate check.
            AllowTlsResume = false,
        };
    }

    private bool Judge(ConnectionContext connection, TlsTerms terms, X509Certificate? certificate, X509Chain? chain)
    {
        var refusal = certificate is null ? "it presented no certificate" : terms.Judge(certificate, chain);
        if (refusal is null)
        {
            return true;
        }

        connection.Features.Get<HandshakePool.Entry>()!.Settled = true;
        refusals.Refused(PeerName.Of(connection), certificate?.Subject ?? "", RefusalReason.Certificate, refusal);
        return false;
    }

    private Task AfterTlsAsync(
        ConnectionContext connection, ConnectionDelegate next, Func<ConnectionContext, ConnectionDelegate, Task> authenticated)
    {
        var entry = connection.Features.Get<HandshakePool.Entry>()!;
        _handshakes.Leave(entry);
        entry.Settled = true;
        return authenticated(connection, next);
    }
}
