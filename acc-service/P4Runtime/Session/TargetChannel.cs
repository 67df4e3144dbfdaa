using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;

namespace ACCOffload.P4Runtime;

/// <summary>A gRPC channel over one HTTP/2 connection to a target, with the certificates of the moment it was made.</summary>
internal sealed class TargetChannel : IDisposable
{
    // What infrap4d itself allows.
    private const int MaxMessageBytes = 256 << 20;
    private readonly GrpcChannel _channel;
    private readonly TargetCertificates? _certificates;

    /// <param name="endpoint">Where to.</param>
    /// <param name="connectTimeout">Limit of connecting, TLS included.</param>
    /// <param name="maxHeaderBytes">Largest answer header or trailer to accept.</param>
    public TargetChannel(TargetEndpoint endpoint, TimeSpan connectTimeout, int maxHeaderBytes)
    {
        Stamp = CertificateStamp.Of(endpoint);
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
            handler.ConnectCallback = (_, cancellationToken) => ConnectUnixAsync(path, cancellationToken);
        }
        else
        {
            address = endpoint.Address;
            try
            {
                _certificates = new TargetCertificates(endpoint);
                handler.SslOptions = _certificates.Options(new Uri(address).IdnHost);
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
        Invoker = _channel.CreateCallInvoker();
    }

    public CallInvoker Invoker { get; }

    public CertificateStamp Stamp { get; }

    /// <summary>
    /// Room for the error details of that many updates: the specification's 8192 + 100 bytes each, times ten since servers put names into their
    /// messages, times 4/3 for base64.
    /// </summary>
    public static int HeaderBytesFor(int updates) => (int)Math.Clamp((8192 + (1000L * updates)) * 4 / 3, 1 << 20, 256 << 20);

    public void Dispose()
    {
        _channel.Dispose();
        _certificates?.Dispose();
    }

    private static async ValueTask<Stream> ConnectUnixAsync(string path, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
