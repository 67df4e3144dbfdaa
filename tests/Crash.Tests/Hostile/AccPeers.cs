using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.Protos.V1;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace ACCOffload.Crash.Tests.Hostile;

/// <summary>
/// Hostile peers of the ACC's API: without a certificate, with one from another CA, and with the host's own. They use separate addresses
/// on the host's side of the management link, so that their connections can be distinguished from the agent's.
/// </summary>
internal sealed class AccPeers : IDisposable
{
    // More than the ACC's limit of concurrent handshakes.
    private const int MaxSilent = 300;

    // The agent uses the same certificate: these connections count against the node's own limit.
    private const int MaxIdle = 8;
    private const int Addresses = 4;
    private const string Prefix = "198.51.100.";
    private static readonly IPEndPoint Api = new(IPAddress.Parse("192.0.2.1"), 50002);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly byte[] Preface = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, 4, 0, 0, 0, 0, 0];

    // Not allowed for pods: addresses of host, node and gateway, outside the node's ranges, or not host addresses at all.
    private static readonly string[] Forbidden = ["200.1.1.2", "192.0.2.2", "192.0.2.1", "169.254.1.1", "8.8.8.8", "127.0.0.1", "0.0.0.0",
        "255.255.255.255", "224.0.0.1"];

    private readonly Lab _lab;
    private readonly Func<ulong> _epoch;
    private readonly IReadOnlyList<(string Address, string Mac)> _others;
    private readonly HeldConnections _silent = new(MaxSilent);
    private readonly HeldConnections _idle = new(MaxIdle);
    private readonly TestPki _foreignPki = new(DateTimeOffset.UtcNow, "CN=Foreign CA");
    private readonly X509Certificate2 _foreignCertificate;
    private readonly X509Certificate2 _host;
    private readonly X509ChainPolicy _trust = new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        RevocationMode = X509RevocationMode.NoCheck
    };
    private int _number;

    private AccPeers(Lab lab, Func<ulong> epoch, IReadOnlyList<(string Address, string Mac)> others)
    {
        _lab = lab;
        _epoch = epoch;
        _others = others;
        _foreignCertificate = _foreignPki.IssueHost();
        _trust.CustomTrustStore.ImportFromPemFile($"{lab.Pki}/host-client/ca.crt");
        _host = X509Certificate2.CreateFromPemFile($"{lab.Pki}/host-client/tls.crt", $"{lab.Pki}/host-client/tls.key");
    }

    /// <param name="lab">The node.</param>
    /// <param name="epoch">The epoch that the legitimate client uses.</param>
    /// <param name="others">Addresses and MACs of permanent pods.</param>
    public static async Task<AccPeers> StartAsync(Lab lab, Func<ulong> epoch, IReadOnlyList<(string Address, string Mac)>? others = null)
    {
        await Shell.RunLineAsync(lab.AccNamespace, $"ip addr add {Prefix}1/24 dev mgmt").Succeeded();
        for (var i = 0; i < Addresses; i++)
        {
            await Shell.RunLineAsync(lab.HostNamespace, $"ip addr add {Prefix}{10 + i}/24 dev mgmt").Succeeded();
        }

        return new AccPeers(lab, epoch, others ?? []);
    }

    public IEnumerable<HostileAction> Actions()
    {
        yield return new("legitimate", 6, LegitimateAsync);
        yield return new("silent", 12, SilentAsync);
        yield return new("half-closed", 4, HalfClosedAsync);
        yield return new("half-hello", 4, (_, end) => SendAsync([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3], end));
        yield return new("no-tls", 2,
            (random, end) => SendAsync(random.Next(2) == 0 ? Preface : RandomNumberGenerator.GetBytes(random.Next(1, 4096)), end));
        yield return new("no-certificate", 3, (_, end) => UntrustedAsync(null, end));
        yield return new("other-ca", 3, (_, end) => UntrustedAsync(_foreignCertificate, end));
        yield return new("idle", 2, IdleAsync);
        yield return new("forbidden-address", 4, ForbiddenAddressAsync);
        yield return new("far-epoch", 4, FarEpochAsync);
        yield return new("bogus-sync", 1, BogusSyncAsync);
        yield return new("malformed", 4, MalformedAsync);
        yield return new("oversize", 1, OversizeAsync);
        yield return new("unknown-detach", 2, UnknownDetachAsync);
        if (_others.Count > 0)
        {
            yield return new("others-address", 4, OthersAddressAsync);
        }
    }

    public void CloseAll()
    {
        _silent.CloseAll();
        _idle.CloseAll();
    }

    /// <summary>Whether the ACC has closed all their connections.</summary>
    public bool HasClosedAll()
    {
        if (_lab.Manager is not { HasExited: false } manager)
        {
            return true;
        }

        try
        {
            // "sl local remote st …", with the address in host byte order; 06 is TIME_WAIT, which no process holds.
            return !File.ReadLines($"/proc/{manager.Id}/net/tcp").Concat(File.ReadLines($"/proc/{manager.Id}/net/tcp6")).Skip(1)
                .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Any(words => words.Length > 3 && words[2].Contains("6433C6", StringComparison.Ordinal) && words[3] != "06");
        }
        catch (IOException)
        {
            return manager.HasExited;
        }
    }

    public void Dispose()
    {
        CloseAll();
        _foreignCertificate.Dispose();
        _host.Dispose();
        _foreignPki.Dispose();
    }

    private async Task<Socket> ConnectAsync(CancellationToken end)
    {
        using var ns = NetNamespace.OpenNamed(_lab.HostNamespace);
        // A socket belongs to the namespace of the thread that creates it.
        var socket = ns.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Parse(Prefix + (10 + (Next() % Addresses))), 0));
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(end);
            limit.CancelAfter(Limit);
            await socket.ConnectAsync(Api, limit.Token);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Not hostile: a new connection with the agent's certificate from the node's address, which must succeed.</summary>
    private async Task<string?> LegitimateAsync(Random random, CancellationToken end)
    {
        var manager = _lab.Manager;
        RpcException? last = null;
        for (var i = 0; i < 3; i++)
        {
            try
            {
                using var channel = Channels.Offload(_lab);
                await new Offload.OffloadClient(channel).StatusAsync(new StatusRequest(), Options(end));
                return null;
            }
            catch (RpcException e)
            {
                // The server responded, or it does not listen yet.
                if (e.Status.DebugException is not { } cause
                    || Causes(cause).OfType<SocketException>().Any(s => s.SocketErrorCode == SocketError.ConnectionRefused))
                {
                    return null;
                }

                last = e;
            }

            // A server that was just killed is reported as exited a moment later.
            await Task.Delay(200, end);
            if (_lab.Manager != manager || manager is not { HasExited: false })
            {
                return null;
            }
        }

        return $"a new connection from the legitimate client failed three times: {last!.Status}";
    }

    private static IEnumerable<Exception> Causes(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
        {
            yield return e;
        }
    }

    private async Task<string?> SilentAsync(Random random, CancellationToken end)
    {
        // Several at once, so that there are always many.
        for (var i = 0; i < 16; i++)
        {
            _silent.Hold(await ConnectAsync(end));
        }

        return null;
    }

    private async Task<string?> HalfClosedAsync(Random random, CancellationToken end)
    {
        var socket = await ConnectAsync(end);
        _silent.Hold(socket);
        socket.Shutdown(SocketShutdown.Send);
        return null;
    }

    private async Task<string?> SendAsync(byte[] bytes, CancellationToken end)
    {
        var socket = await ConnectAsync(end);
        _silent.Hold(socket);
        await socket.SendAsync(bytes, end);
        return null;
    }

    private async Task<SslStream> HandshakeAsync(X509Certificate2? certificate, CancellationToken end)
    {
        var stream = new SslStream(new NetworkStream(await ConnectAsync(end), ownsSocket: true));
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(end);
            limit.CancelAfter(Limit);
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = "accoffload-acc",
                    ApplicationProtocols = [SslApplicationProtocol.Http2],
                    ClientCertificateContext = certificate is null
                        ? null
                        : SslStreamCertificateContext.Create(certificate, null, offline: true),
                    CertificateChainPolicy = _trust,
                },
                limit.Token);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    private async Task<string?> UntrustedAsync(X509Certificate2? certificate, CancellationToken end)
    {
        await using var stream = await HandshakeAsync(certificate, end);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(end);
        limit.CancelAfter(Limit);
        // In TLS 1.3 the client finishes before the server has checked the certificate: only a reply to the HTTP/2 preface proves
        // acceptance.
        await stream.WriteAsync(Preface, limit.Token);
        return await stream.ReadAsync(new byte[64], limit.Token) > 0
            ? "the ACC speaks HTTP/2 to a peer without a certificate from its CA"
            : null;
    }

    private async Task<string?> IdleAsync(Random random, CancellationToken end)
    {
        var stream = await HandshakeAsync(_host, end);
        _idle.Hold(stream);
        await stream.WriteAsync(Preface.AsMemory(0, random.Next(2) == 0 ? Preface.Length : 10), end);
        return null;
    }

    private Task<string?> ForbiddenAddressAsync(Random random, CancellationToken end)
    {
        var address = Forbidden[random.Next(Forbidden.Length)];
        return RefusedAsync(
            c => c.AttachAsync(Attach(random, address, _epoch(), ulong.MaxValue),
                Options(end)).ResponseAsync, $"an Attach of {address} succeeded");
    }

    private Task<string?> OthersAddressAsync(Random random, CancellationToken end)
    {
        var (address, mac) = _others[random.Next(_others.Count)];
        var request = Attach(random, address, _epoch(), ulong.MaxValue);
        if (random.Next(2) == 0)
        {
            request.Device.Mac = ByteString.CopyFrom(Convert.FromHexString(mac.Replace(":", "", StringComparison.Ordinal)));
        }

        return RefusedAsync(c =>
            c.AttachAsync(request, Options(end)).ResponseAsync, $"an Attach of {address}, which belongs to another pod, succeeded");
    }

    private Task<string?> FarEpochAsync(Random random, CancellationToken end)
    {
        ulong epoch = random.Next(3) switch { 0 => ulong.MaxValue, 1 => 1UL << 63, _ => 0 };
        return RefusedAsync(
            c => c.AttachAsync(Attach(random, $"10.244.1.{random.Next(250, 254)}", epoch, ulong.MaxValue), Options(end)).ResponseAsync,
            $"an Attach with epoch {epoch}, which was never issued, succeeded");
    }

    private Task<string?> BogusSyncAsync(Random random, CancellationToken end)
    {
        var request = new SyncRequest { Epoch = ulong.MaxValue, Sequence = ulong.MaxValue };
        for (var i = 0; i < Protos.ProtocolLimits.MaxAttachments; i++)
        {
            request.Attachments.Add(Attach(random, $"10.244.{random.Next(256)}.{random.Next(256)}", ulong.MaxValue, ulong.MaxValue));
        }

        return RefusedAsync(c => c.SyncAsync(request, Options(end)).ResponseAsync, "a Sync with an epoch that was never issued succeeded");
    }

    private async Task<string?> MalformedAsync(Random random, CancellationToken end)
    {
        var bytes = RandomNumberGenerator.GetBytes(random.Next(1, 512));
        bytes[0] = 0xff; // Makes it unlikely that the random bytes form a valid message.
        var raw = Marshallers.Create(static (byte[] b) => b, static b => b);
        var name = random.Next(5) switch { 0 => "Attach", 1 => "Sync", 2 => "Detach", 3 => "Status", _ => "NoSuchMethod" };
        var method = new Method<byte[], byte[]>(MethodType.Unary, "accoffload.v1.Offload", name, raw, raw);
        using var channel = Channel();
        try
        {
            using var call = channel.CreateCallInvoker().AsyncUnaryCall(method, null, Options(end), bytes);
            var reply = await call.ResponseAsync;
            // Random bytes can be a valid message for Status, which has no fields; the others need a key.
            return method.Name == "Status" ? null : $"{method.Name} of {Convert.ToHexString(bytes)} succeeded with {reply.Length} bytes";
        }
        catch (RpcException)
        {
            return null;
        }
    }

    private Task<string?> OversizeAsync(Random random, CancellationToken end)
    {
        var request = Attach(random, "10.244.1.250", _epoch(), 1);
        request.PodName = new string('x', 8 << 20);
        return RefusedAsync(c => c.AttachAsync(request, Options(end)).ResponseAsync, "an Attach of 8 MiB succeeded");
    }

    // May succeed or fail, as there is nothing to detach, but must not affect others.
    private async Task<string?> UnknownDetachAsync(Random random, CancellationToken end)
    {
        using var channel = Channel();
        await new Offload.OffloadClient(channel).DetachAsync(new DetachRequest { Key = Key(), Epoch = _epoch(), Sequence = 1 },
            Options(end));
        return null;
    }

    private async Task<string?> RefusedAsync<T>(Func<Offload.OffloadClient, Task<T>> request, string otherwise)
    {
        using var channel = Channel();
        await request(new Offload.OffloadClient(channel));
        return otherwise;
    }

    private GrpcChannel Channel() => Channels.Offload(_lab, new IPEndPoint(IPAddress.Parse(Prefix + (10 + (Next() % Addresses))), 0));

    private AttachRequest Attach(Random random, string address, ulong epoch, ulong stamp)
    {
        var mac = RandomNumberGenerator.GetBytes(6);
        mac[0] = 0x06;
        return new AttachRequest
        {
            Key = Key(),
            Kind = EndpointKind.Pod,
            Device = new Device { Kind = "veth", PortName = $"acc{random.NextInt64():x10}"[..13], Mac = ByteString.CopyFrom(mac) },
            PodNamespace = "hostile",
            PodName = "hostile",
            Addresses = { ByteString.CopyFrom(IPAddress.Parse(address).GetAddressBytes()) },
            Epoch = epoch,
            Sequence = stamp,
        };
    }

    private AttachmentKey Key() => new() { Network = $"hostile-{Next() % 300}", ContainerId = $"hostile-{Next()}", InterfaceName = "eth0" };

    private int Next() => Interlocked.Increment(ref _number) & int.MaxValue;

    private static CallOptions Options(CancellationToken end) => new(deadline: DateTime.UtcNow + Limit, cancellationToken: end);
}
