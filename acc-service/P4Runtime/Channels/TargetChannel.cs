using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;

namespace ACCOffload.P4Runtime.Channels;

/// <summary>A gRPC channel over one HTTP/2 connection to a target, with the certificates current at its creation.</summary>
internal sealed class TargetChannel : IDisposable
{
    // infrap4d's own limit.
    private const int MaxMessageBytes = 256 << 20;
    private readonly GrpcChannel _channel;
    private readonly TargetCertificates? _certificates;

    /// <param name="endpoint">The server.</param>
    /// <param name="certificates">Its certificate files.</param>
    /// <param name="connectTimeout">Limit for connecting, including TLS.</param>
    /// <param name="maxHeaderBytes">Maximum size of an answer's headers or trailers.</param>
    public TargetChannel(TargetEndpoint endpoint, CertificateCache certificates, TimeSpan connectTimeout, int maxHeaderBytes)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ActivityHeadersPropagator = null,
            ConnectTimeout = connectTimeout,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            KeepAlivePingDelay = endpoint.KeepAliveDelay,
            KeepAlivePingTimeout = endpoint.KeepAliveTimeout,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            MaxResponseHeadersLength = (maxHeaderBytes + 1023) / 1024,
        };
        string address;
        if (endpoint.UnixPath is { } path)
        {
            address = "http://localhost";
            handler.ConnectCallback = (_, cancellationToken) => ConnectAsync(new UnixDomainSocketEndPoint(path), path, cancellationToken);
        }
        else
        {
            var uri = new Uri(endpoint.Address);
            var to = new DnsEndPoint(uri.IdnHost, uri.Port);

            // HttpClient checks the certificate against the host of the request, regardless of the TLS options.
            address = endpoint.ServerName.Length == 0 ? endpoint.Address : $"https://{endpoint.ServerName}:{uri.Port}";
            handler.ConnectCallback = (_, cancellationToken) => ConnectAsync(to, uri.Authority, cancellationToken);
            try
            {
                var files = certificates.Current();
                Stamp = files.Stamp;
                _certificates = new TargetCertificates(endpoint, files);
                handler.SslOptions = _certificates.Options();
            }
            catch
            {
                _certificates?.Dispose();
                handler.Dispose();
                throw;
            }
        }

        _channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            DisableResolverServiceConfig = true,
            MaxReceiveMessageSize = MaxMessageBytes,
            MaxSendMessageSize = MaxMessageBytes,
        });
        Invoker = endpoint.Answers?.Invoke() ?? _channel.CreateCallInvoker();
    }

    public CallInvoker Invoker { get; }

    public CertificateStamp Stamp { get; }

    /// <summary>
    /// Header size limit in bytes that leaves room for the error details of a number of updates. The specification allows 8192 bytes plus
    /// 100 per update; we allow 1000 per update, because servers include names in their messages, and 4/3 of the sum for base64. Exceeding
    /// the limit breaks the connection, so it is generous; nothing is allocated up front.
    /// </summary>
    public static int HeaderBytesFor(int updates, int atLeast) => (int)Math.Clamp((8192 + (1000L * updates)) * 4 / 3, atLeast, 512 << 20);

    public void Dispose()
    {
        _channel.Dispose();
        _certificates?.Dispose();
    }

    private static async ValueTask<Stream> ConnectAsync(EndPoint to, string name, CancellationToken cancellationToken)
    {
        var socket = to is UnixDomainSocketEndPoint
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(to, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new IOException($"cannot connect to {name}: {e.Message}", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
