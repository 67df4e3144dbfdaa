using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.FileStamps;
using ACCOffload.HostStub.Configuration;
using ACCOffload.Protos;
using ACCOffload.Protos.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace ACCOffload.HostStub.Acc;

/// <summary>
/// A single TLS connection to the ACC. It never reconnects by itself: a request on a lost connection fails, because a new connection must
/// begin with a Sync.
/// </summary>
internal sealed class AccConnection : IDisposable
{
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(3);

    private readonly CancellationTokenSource _lost = new();
    private readonly AccCredentials _credentials;
    private readonly GrpcChannel _channel;
    private readonly AccConfig _config;
    private string? _refusal;
    private int _used;

    public AccConnection(AccConfig config, AccCredentials credentials)
    {
        _credentials = credentials;
        _config = config;
        Lost = _lost.Token;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ConnectTimeout = ConnectLimit,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            KeepAlivePingDelay = TimeSpan.FromSeconds(10),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.Always,
            ConnectCallback = ConnectAsync,
            SslOptions = new SslClientAuthenticationOptions
            {
                EnabledSslProtocols = SslProtocols.Tls13,
                ClientCertificateContext = credentials.Client,
                CertificateChainPolicy = AccPeerCheck.Policy(credentials.Authorities),
                RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                {
                    _refusal = AccPeerCheck.Refusal(certificate, chain, errors, _config.ServerName);
                    return _refusal is null;
                },
                AllowTlsResume = false,
            },
        };
        // Use the name, not the address: the handler verifies the certificate against the channel's host name and sends it as SNI.
        var name = new UriBuilder(config.Address) { Host = config.ServerName }.Uri;
        _channel = GrpcChannel.ForAddress(
            name,
            new GrpcChannelOptions
            {
                HttpHandler = handler,
                DisposeHttpClient = true,
                MaxReceiveMessageSize = ProtocolLimits.MaxMessageBytes,
            });
        Client = new Offload.OffloadClient(_channel);
    }

    public Offload.OffloadClient Client { get; }

    /// <summary>Cancelled when the connection is lost.</summary>
    public CancellationToken Lost { get; }

    /// <summary>Why the peer was refused; null if it was not.</summary>
    public string? Refusal => _refusal;

    public CertificateStamp CredentialStamp => _credentials.Stamp;

    /// <summary>The CAs that its peer was judged by.</summary>
    public X509Certificate2Collection Authorities => _credentials.Authorities;

    /// <summary>What went wrong, for an operator.</summary>
    public string Explain(RpcException e)
    {
        if (_refusal is { } refusal)
        {
            return refusal;
        }

        var inner = e.Status.DebugException ?? e.InnerException;
        while (inner?.InnerException is { } deeper)
        {
            inner = deeper;
        }

        return inner is null ? AccErrors.Sentence(e) : inner.Message;
    }

    public void Dispose()
    {
        // Signal first: a request that fails because of the disposal must find the connection lost.
        SignalLost();
        _channel.Dispose();
        _credentials.Dispose();
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancel)
    {
        if (Interlocked.Exchange(ref _used, 1) != 0)
        {
            throw new IOException("the connection to the ACC was lost");
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(new DnsEndPoint(_config.Address.DnsSafeHost, _config.Address.Port), cancel);
            return new WatchedStream(socket, SignalLost);
        }
        catch
        {
            socket.Dispose();
            SignalLost();
            throw;
        }
    }

    // Not inline: continuations must not run inside the HTTP stack's cleanup.
    private void SignalLost() => _ = _lost.CancelAsync();
}

/// <summary>A connection's stream that reports when its owner closes it, which HTTP/2 does as soon as the connection is lost.</summary>
internal sealed class WatchedStream(Socket socket, Action onClosed) : NetworkStream(socket, ownsSocket: true)
{
    private int _closed;

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            onClosed();
        }
    }
}
