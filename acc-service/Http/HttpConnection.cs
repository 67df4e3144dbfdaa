using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace ACCOffload.Http;

/// <summary>A connection: a TLS handshake if configured, one request and its response, within a time limit.</summary>
internal sealed class HttpConnection(Socket socket, HttpServerOptions options)
{
    // For the whole connection. Clients that scrape metrics or check health usually wait at most ten seconds.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private volatile bool _closed;
    private bool _judged;

    /// <summary>The client's address.</summary>
    public string Peer { get; } = socket.RemoteEndPoint is IPEndPoint { Address: var address }
        ? (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString()
        : "unknown";

    public Task Running { get; set; } = Task.CompletedTask;

    /// <summary>Closes it to make room for another one.</summary>
    public void Close()
    {
        _closed = true;
        socket.Dispose();
    }

    /// <summary>Serves it; never throws.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(Limit);
        try
        {
            using (socket)
            {
                using var network = new NetworkStream(socket);
                if (options.Terms is null)
                {
                    await AnswerAsync(network, limit.Token);
                    return;
                }
                using var tls = new SslStream(network, leaveInnerStreamOpen: true);
                await tls.AuthenticateAsServerAsync(TermsOf(options.Terms()), limit.Token);
                await AnswerAsync(tls, limit.Token);
                await tls.ShutdownAsync();
            }
        }
        catch (AuthenticationException e)
        {
            if (!_judged)
            {
                options.Refused(Peer, "", false, $"the TLS handshake failed ({(e.InnerException ?? e).Message})");
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            // The client is gone or too slow, or the connection was closed to make room: nobody waits for a response.
            if (!stop.IsCancellationRequested && !_closed && e is OperationCanceledException)
            {
                options.Refused(Peer, "", false, $"no request was completed within {Limit.TotalSeconds:0} s");
            }
        }
        catch (Exception e)
        {
            // For example, certificate files that can't be read.
            options.Refused(Peer, "", false, $"failed: {e.Message}");
        }
    }

    private SslServerAuthenticationOptions TermsOf(HttpTerms terms) => new()
    {
        ServerCertificateContext = terms.Server,
        EnabledSslProtocols = SslProtocols.Tls13,
        ClientCertificateRequired = true,
        CertificateChainPolicy = terms.ChainPolicy,
        RemoteCertificateValidationCallback = (_, certificate, chain, _) => Judge(terms, certificate, chain),
        ApplicationProtocols = [SslApplicationProtocol.Http11],
        EncryptionPolicy = EncryptionPolicy.RequireEncryption,
        AllowRenegotiation = false,
        // A resumed session would skip the certificate check.
        AllowTlsResume = false,
    };

    private bool Judge(HttpTerms terms, X509Certificate? certificate, X509Chain? chain)
    {
        _judged = true;
        var refusal = certificate is X509Certificate2 presented ? terms.Judge(presented, chain) : "it presented no certificate";
        if (refusal is not null)
        {
            options.Refused(Peer, certificate?.Subject ?? "", true, refusal);
        }

        return refusal is null;
    }

    private async Task AnswerAsync(Stream stream, CancellationToken cancellationToken)
    {
        var request = await HttpRequestHead.ReadAsync(stream, cancellationToken);
        var answer = await options.Answer(request, cancellationToken);
        var length = answer.Body.Length.ToString(CultureInfo.InvariantCulture);
        var further = answer.Header.Length > 0 ? $"{answer.Header}\r\n" : "";
        var head = $"HTTP/1.1 {answer.Status}\r\nContent-Type: {answer.ContentType}\r\nContent-Length: {length}\r\n{further}"
            + "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head), cancellationToken);
        if (request?.Method != "HEAD")
        {
            await stream.WriteAsync(answer.Body, cancellationToken);
        }

        await stream.FlushAsync(cancellationToken);
    }
}
