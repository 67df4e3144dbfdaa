using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.Connections;
using ACCOffload.SoftTarget.Server;
using ACCOffload.TestKit.Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using P4.V1;

namespace ACCOffload.SoftTarget.Tests.Server;

/// <summary>Mutual TLS 1.3.</summary>
public sealed class TlsTests : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("softtarget-tls-").FullName;
    private readonly TestPki _authority = new(name: "CN=test CA");
    private readonly ConcurrentQueue<string> _lines = new();
    private SoftTargetHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        WriteServer(_authority);
        _host = await StartAsync(limits => limits);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _authority.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_client_with_the_role_is_served() =>
        Assert.Equal("1.5.0", await AskAsync(ClientOf(_authority)));

    [Theory]
    [InlineData("host:node-1")]
    [InlineData("acc")]
    [InlineData("p4rt-server")]
    [InlineData("p4rt-client-2")]
    public async Task Another_role_of_our_authority_is_refused_by_every_service_and_named(string role)
    {
        using var certificate = ClientOf(_authority, role);
        await Refused(certificate);
        using var channel = Connect(certificate);
        await Assert.ThrowsAsync<RpcException>(
            async () => await new Gnmi.gNMI.gNMIClient(channel).CapabilitiesAsync(new Gnmi.CapabilityRequest()));
        using var stream = new P4Runtime.P4RuntimeClient(channel).StreamChannel();
        await Assert.ThrowsAsync<RpcException>(() => stream.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Contains(_lines, l => l.Contains($"the role {role} may not program this target", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_client_without_a_role_is_refused()
    {
        await Refused(ClientOf(_authority, role: null));
        Assert.Contains(_lines, l => l.Contains("no role", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Silent_connections_do_not_block_the_controller()
    {
        var silent = new List<TcpClient>();
        try
        {
            for (var i = 0; i < 200; i++)
            {
                var client = new TcpClient();
                silent.Add(client);
                await client.ConnectAsync(IPAddress.Loopback, new Uri(_host.Addresses.Single()).Port);
            }
            Assert.Equal("1.5.0", await AskAsync(ClientOf(_authority)));
        }
        finally
        {
            silent.ForEach(c => c.Dispose());
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_idle_connection_is_closed(bool tls)
    {
        await using var host = await StartAsync(l => l with { Idle = TimeSpan.FromSeconds(1) }, tls);
        using var client = await ConnectAsync(host);
        await using var stream = tls ? await AuthenticateAsync(client, ClientOf(_authority)) : client.GetStream();
        await stream.WriteAsync(Preface);
        await AssertClosedAsync(stream);
    }

    [Fact]
    public async Task Connections_are_limited_and_an_idle_one_is_closed_for_a_new_one()
    {
        await using var host = await StartAsync(l => l with { MaxConnections = 2 });
        using var certificate = ClientOf(_authority);
        using var first = Connect(certificate, host: host);
        using var second = Connect(certificate, host: host);
        using var open = await OpenAsync(first, 1);
        Assert.Equal("1.5.0", await AskAsync(second));
        using var third = Connect(certificate, host: host);
        using var alsoOpen = await OpenAsync(third, 2);

        using var fourth = Connect(certificate, host: host);
        await Assert.ThrowsAsync<RpcException>(() => AskAsync(fourth));
        await UntilToldAsync("all 2 connections are in use");
        await open.RequestStream.WriteAsync(Arbitration(1));
        Assert.True(await open.ResponseStream.MoveNext(CancellationToken.None));
    }

    [Fact]
    public async Task A_handshake_of_one_byte_at_a_time_is_ended()
    {
        await using var host = await StartAsync(l => l with { HandshakeTimeout = TimeSpan.FromSeconds(1) });
        using var client = await ConnectAsync(host);
        var drip = DripAsync(client);
        await AssertClosedAsync(client.GetStream());
        await drip;
        await UntilToldAsync("the TLS handshake timed out");
        Assert.Equal("1.5.0", await AskAsync(ClientOf(_authority), host: host));
    }

    [Fact]
    public async Task A_malformed_message_is_invalid_and_named()
    {
        using var channel = Connect(ClientOf(_authority));
        var raw = Marshallers.Create<byte[]>(bytes => bytes, bytes => bytes);
        foreach (var (service, method, message) in new[]
        {
            ("p4.v1.P4Runtime", "SetForwardingPipelineConfig", "SetForwardingPipelineConfigRequest"),
            ("gnmi.gNMI", "Set", "SetRequest"),
        })
        {
            using var call = channel.CreateCallInvoker().AsyncUnaryCall(
                new Method<byte[], byte[]>(MethodType.Unary, service, method, raw, raw), null, default, [0x0a, 0x7f, 1]);
            var e = await Assert.ThrowsAsync<RpcException>(async () => await call);
            Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
            Assert.StartsWith($"{message}: malformed protobuf", e.Status.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public Task A_client_without_a_certificate_is_refused() => Refused(null);

    [Fact]
    public async Task A_client_of_another_authority_is_refused()
    {
        using var other = new TestPki(name: "CN=other CA");
        await Refused(ClientOf(other));
    }

    [Fact]
    public Task A_server_certificate_is_refused_for_a_client() => Refused(ServerOf(_authority));

    [Fact]
    public Task Tls_1_2_is_refused() => Refused(ClientOf(_authority), SslProtocols.Tls12);

    [Fact]
    public async Task Changed_files_apply_to_new_connections()
    {
        using var next = new TestPki(name: "CN=next CA");
        WriteServer(next);
        foreach (var file in Directory.GetFiles(_directory))
        {
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddMinutes(1));
        }

        await Refused(ClientOf(_authority));
        Assert.Equal("1.5.0", await AskAsync(ClientOf(next)));
    }

    [Fact]
    public async Task Changed_files_behind_links_apply_to_new_connections()
    {
        // As Kubernetes and certificate managers mount them: only the inner link or the file changes.
        var data = Directory.CreateDirectory(Path.Combine(_directory, "data")).FullName;
        foreach (var file in Directory.GetFiles(_directory))
        {
            File.Move(file, Path.Combine(data, Path.GetFileName(file)));
            File.CreateSymbolicLink(file, Path.Combine("data", Path.GetFileName(file)));
        }

        Assert.Equal("1.5.0", await AskAsync(ClientOf(_authority)));
        using var next = new TestPki(name: "CN=next CA");
        WriteServer(next);
        foreach (var file in Directory.GetFiles(data))
        {
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddMinutes(1));
        }

        await Refused(ClientOf(_authority));
        Assert.Equal("1.5.0", await AskAsync(ClientOf(next)));
    }

    [Fact]
    public async Task Unreadable_files_leave_the_old_certificates_in_use()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "server.crt"), "nonsense");
        File.SetLastWriteTimeUtc(Path.Combine(_directory, "server.crt"), DateTime.UtcNow.AddMinutes(1));
        Assert.Equal("1.5.0", await AskAsync(ClientOf(_authority)));
    }

    [Fact]
    public async Task Missing_files_are_named_on_start()
    {
        var options = new SoftTargetOptions
        {
            Listen = ["127.0.0.1:0"],
            ServePorts = false,
            Tls = new SoftTargetTlsOptions { CertificateFile = "/nowhere/a.crt", KeyFile = "/nowhere/a.key", CaFile = "/nowhere/ca.crt" },
        };
        var e = await Assert.ThrowsAnyAsync<IOException>(() => SoftTargetHost.StartAsync(options, NullLoggerFactory.Instance));
        Assert.Contains("/nowhere/a.crt", e.Message, StringComparison.Ordinal);
    }

    /// <summary>An HTTP/2 client's preface with empty settings: a connection without a request.</summary>
    private static byte[] Preface => [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, 4, 0, 0, 0, 0, 0];

    private Task<SoftTargetHost> StartAsync(Func<ConnectionLimits, ConnectionLimits> change, bool tls = true)
    {
        var options = new SoftTargetOptions
        {
            Listen = ["127.0.0.1:0"],
            ServePorts = false,
            Tls = !tls ? null : new SoftTargetTlsOptions
            {
                CertificateFile = Path.Combine(_directory, "server.crt"),
                KeyFile = Path.Combine(_directory, "server.key"),
                CaFile = Path.Combine(_directory, "ca.crt"),
            },
        };
        return SoftTargetHost.StartAsync(options with { Limits = change(options.Limits) }, new Log(_lines));
    }

    private async Task Refused(X509Certificate2? certificate, SslProtocols protocols = SslProtocols.Tls13)
        => Assert.NotEqual(StatusCode.OK, (await Assert.ThrowsAsync<RpcException>(() => AskAsync(certificate, protocols))).StatusCode);

    private async Task<string> AskAsync(
        X509Certificate2? certificate, SslProtocols protocols = SslProtocols.Tls13, SoftTargetHost? host = null)
    {
        using var channel = Connect(certificate, protocols, host);
        return await AskAsync(channel);
    }

    private static async Task<string> AskAsync(GrpcChannel channel)
    {
        var client = new P4Runtime.P4RuntimeClient(channel);
        return (await client.CapabilitiesAsync(new CapabilitiesRequest(), deadline: DateTime.UtcNow.AddSeconds(20))).P4RuntimeApiVersion;
    }

    private static StreamMessageRequest Arbitration(ulong election) =>
        new() { Arbitration = new MasterArbitrationUpdate { DeviceId = 1, ElectionId = new Uint128 { Low = election } } };

    /// <summary>A controller's stream that the target has answered, so that it keeps its connection.</summary>
    private static async Task<AsyncDuplexStreamingCall<StreamMessageRequest,
        StreamMessageResponse>> OpenAsync(GrpcChannel channel, ulong election)
    {
        var stream = new P4Runtime.P4RuntimeClient(channel).StreamChannel();
        await stream.RequestStream.WriteAsync(Arbitration(election));
        Assert.True(await stream.ResponseStream.MoveNext(CancellationToken.None));
        return stream;
    }

    private static async Task<TcpClient> ConnectAsync(SoftTargetHost host)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, new Uri(host.Addresses.Single()).Port);
        return client;
    }

    private static async Task<Stream> AuthenticateAsync(TcpClient client, X509Certificate2 certificate)
    {
        var stream = new SslStream(client.GetStream());
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            ClientCertificates = [certificate],
            ApplicationProtocols = [SslApplicationProtocol.Http2],
            RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.Subject == "CN=server",
        });
        return stream;
    }

    /// <summary>Sends a ClientHello so slowly that it would take half an hour, until the connection is closed.</summary>
    private static async Task DripAsync(TcpClient client)
    {
        try
        {
            for (byte[] bytes = [0x16, 3, 1, 0x40, 0]; ; bytes = [1])
            {
                await client.Client.SendAsync(bytes);
                await Task.Delay(100);
            }
        }
        catch (SocketException)
        {
            // The target has closed it.
        }
    }

    private static async Task AssertClosedAsync(Stream stream)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            var buffer = new byte[256];
            while (await stream.ReadAsync(buffer, limit.Token) > 0)
            {
                // Settings, an alert, or a GOAWAY may come before the end.
            }
        }
        catch (IOException)
        {
            // A reset also ends the connection.
        }
    }

    private async Task UntilToldAsync(string part)
    {
        for (var i = 0; i < 600 && !_lines.Any(l => l.Contains(part, StringComparison.Ordinal)); i++)
        {
            await Task.Delay(50);
        }

        Assert.Contains(_lines, l => l.Contains(part, StringComparison.Ordinal));
    }

    private static X509Certificate2 ClientOf(TestPki authority, string? role = "p4rt-client") => authority.Issue(
        "CN=client", role is null ? [] : [$"urn:accoffload:role:{role}"], TestPki.ClientAuthentication);

    private static X509Certificate2 ServerOf(TestPki authority) => authority.Issue("CN=server", [], TestPki.ServerAuthentication);

    private void WriteServer(TestPki authority)
    {
        using var server = ServerOf(authority);
        TestPki.WritePair(_directory, server, "server");
        authority.WriteAuthority(_directory);
    }

    private GrpcChannel Connect(X509Certificate2? certificate, SslProtocols protocols = SslProtocols.Tls13, SoftTargetHost? host = null)
    {
        var tls = new SslClientAuthenticationOptions { EnabledSslProtocols = protocols };
        tls.RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.Subject == "CN=server";
        if (certificate is not null)
        {
            tls.ClientCertificates = [certificate];
        }

        var handler = new SocketsHttpHandler { SslOptions = tls };
        var port = new Uri((host ?? _host).Addresses.Single()).Port;
        return GrpcChannel.ForAddress(
            $"https://{IPAddress.Loopback}:{port}", new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
    }

    private sealed class Log(ConcurrentQueue<string> lines) : ILoggerFactory, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        void ILogger.Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
