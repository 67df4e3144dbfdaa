using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.NativeInterop.Syscalls;
using Grpc.Net.Client;

namespace ACCOffload.TestKit.Labs;

/// <summary>gRPC channels to a lab's inframanager (the agent's API, the control socket) and to other servers.</summary>
public static class Channels
{
    private static readonly IPEndPoint Api = new(IPAddress.Parse("192.0.2.1"), 50002);

    /// <summary>Mutual TLS with the host's certificate, from the host's network namespace.</summary>
    /// <param name="lab">The node.</param>
    /// <param name="from">The client's address; null to let the kernel choose.</param>
    public static GrpcChannel Offload(Lab lab, IPEndPoint? from = null) =>
        Tls("accoffload-acc", Api, lab.HostNamespace, $"{lab.Pki}/host-client", from);

    /// <summary>Mutual TLS from a network namespace.</summary>
    /// <param name="name">The server's name in its certificate.</param>
    /// <param name="server">The server's address and port.</param>
    /// <param name="netns">The name of the client's network namespace.</param>
    /// <param name="certificates">The folder of the client's tls.crt, tls.key and ca.crt.</param>
    /// <param name="from">The client's address; null to let the kernel choose.</param>
    public static GrpcChannel Tls(string name, IPEndPoint server, string netns, string certificates, IPEndPoint? from = null)
    {
        var client = X509Certificate2.CreateFromPemFile($"{certificates}/tls.crt", $"{certificates}/tls.key");
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.ImportFromPemFile($"{certificates}/ca.crt");
        var handler = Handler(() =>
        {
            // A socket belongs to the network namespace of the thread that creates it.
            using var space = NetNamespace.OpenNamed(netns);
            var socket = space.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
            if (from is not null)
            {
                socket.Bind(from);
            }

            return (socket, server);
        });
        handler.SslOptions = new SslClientAuthenticationOptions
        {
            TargetHost = name,
            ClientCertificateContext = SslStreamCertificateContext.Create(client, null, offline: true),
            CertificateChainPolicy = trust,
        };
        return GrpcChannel.ForAddress($"https://{name}:{server.Port}",
            new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
    }

    /// <summary>The socket of `inframanager ctl`, without starting a process for each request.</summary>
    public static GrpcChannel Control(Lab lab) => Unix(lab.ControlSocket);

    /// <summary>A unix socket without TLS. Reconnects by itself after a restart of the server.</summary>
    /// <param name="path">The socket's path.</param>
    /// <param name="maxReceive">The largest message in bytes; null for no limit.</param>
    /// <param name="maxHeaders">The largest headers in kilobytes. Those of a large Write contain an error for each update.</param>
    public static GrpcChannel Unix(string path, int? maxReceive = null, int maxHeaders = 64)
    {
        var handler = Handler(() =>
            (new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified), new UnixDomainSocketEndPoint(path)));
        handler.MaxResponseHeadersLength = maxHeaders;
        return GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            MaxReceiveMessageSize = maxReceive,
            MaxSendMessageSize = null,
        });
    }

    private static SocketsHttpHandler Handler(Func<(Socket Socket, EndPoint Peer)> make) => new()
    {
        UseProxy = false,
        ConnectCallback = async (_, cancellationToken) =>
        {
            var (socket, peer) = make();
            try
            {
                await socket.ConnectAsync(peer, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };
}
