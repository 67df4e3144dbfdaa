using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.NativeInterop.Syscalls;
using Grpc.Net.Client;

namespace ACCOffload.TestKit.Labs;

/// <summary>gRPC channels to a lab's inframanager: the agent's API and the control socket.</summary>
public static class Channels
{
    private static readonly IPEndPoint Api = new(IPAddress.Parse("192.0.2.1"), 50002);

    /// <summary>Mutual TLS with the host's certificate, from the host's network namespace.</summary>
    /// <param name="lab">The node.</param>
    /// <param name="from">The client's address; null to let the kernel choose.</param>
    public static GrpcChannel Offload(Lab lab, IPEndPoint? from = null)
    {
        var client = X509Certificate2.CreateFromPemFile($"{lab.Pki}/host-client/tls.crt", $"{lab.Pki}/host-client/tls.key");
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.ImportFromPemFile($"{lab.Pki}/host-client/ca.crt");
        var handler = Handler(() =>
        {
            // A socket belongs to the network namespace of the thread that creates it.
            using var host = NetNamespace.OpenNamed(lab.HostNamespace);
            var socket = host.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
            if (from is not null)
            {
                socket.Bind(from);
            }

            return (socket, Api);
        });
        handler.SslOptions = new SslClientAuthenticationOptions
        {
            TargetHost = "accoffload-acc",
            ClientCertificateContext = SslStreamCertificateContext.Create(client, null, offline: true),
            CertificateChainPolicy = trust,
        };
        return GrpcChannel.ForAddress("https://accoffload-acc:50002",
            new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
    }

    /// <summary>The socket of `inframanager ctl`, without starting a process for each request.</summary>
    public static GrpcChannel Control(Lab lab) => Unix(lab.ControlSocket);

    /// <summary>A unix socket without TLS. Reconnects by itself after a restart of the server.</summary>
    public static GrpcChannel Unix(string path)
    {
        var handler = Handler(() =>
            (new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified), new UnixDomainSocketEndPoint(path)));
        return GrpcChannel.ForAddress("http://localhost",
            new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true, MaxReceiveMessageSize = null });
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
