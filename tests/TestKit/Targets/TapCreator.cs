using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.NativeInterop.Syscalls;
using Gnmi;
using Grpc.Net.Client;

namespace ACCOffload.TestKit.Targets;

/// <summary>Creates TAPs on a target through gNMI, like the setup scripts of an infrap4d host.</summary>
public static class TapCreator
{
    /// <summary>Creates a TAP over a unix socket.</summary>
    public static Task CreateAsync(string name, string socketPath) =>
        CreateAsync(name, "http://localhost", new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });

    /// <summary>Creates a TAP over mutual TLS, from within a network namespace.</summary>
    /// <param name="name">The TAP's name.</param>
    /// <param name="server">The gNMI server.</param>
    /// <param name="networkNamespace">The namespace to connect from.</param>
    /// <param name="pki">The folder of the node's certificates and keys.</param>
    public static async Task CreateAsync(string name, IPEndPoint server, NetNamespace networkNamespace, string pki)
    {
        using var pem = X509Certificate2.CreateFromPemFile($"{pki}/p4rt-client/tls.crt", $"{pki}/p4rt-client/tls.key");
        using var authority = X509CertificateLoader.LoadCertificateFromFile($"{pki}/ca.crt");
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                // A socket belongs to the network namespace of the thread that creates it.
                var socket = networkNamespace.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
                await socket.ConnectAsync(server, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        handler.SslOptions.ClientCertificates = [pem];
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            CustomTrustStore = { authority }
        };
        await CreateAsync(name, "https://localhost", handler);
    }

    private static async Task CreateAsync(string name, string address, SocketsHttpHandler handler)
    {
        using var channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
        var request = new SetRequest();
        foreach ((var leaf, var value) in new[] { ("mtu", new TypedValue { IntVal = 1500 }),
            ("port-type", new TypedValue { StringVal = "TAP" }) })
        {
            var path = new Gnmi.Path
            {
                Elem =
                {
                    new PathElem { Name = "interfaces" }, new PathElem { Name = "virtual-interface", Key = { ["name"] = name } },
                    new PathElem { Name = "config" },
                    new PathElem { Name = leaf },
                },
            };
            request.Update.Add(new Update { Path = path, Val = value });
        }

        await new gNMI.gNMIClient(channel).SetAsync(request, deadline: DateTime.UtcNow.AddSeconds(30));
    }
}
