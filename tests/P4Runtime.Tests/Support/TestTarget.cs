using System.Net;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Session;
using ACCOffload.TestKit.Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.P4Runtime.Tests.Support;

/// <summary>A P4Runtime and gNMI server that behaves correctly unless a test changes its behavior.</summary>
internal sealed class TestTarget : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly TlsFiles? _tls;

    private TestTarget(WebApplication app, string address, TlsFiles? tls)
    {
        _app = app;
        _tls = tls;
        Address = address;
        Behaviour = app.Services.GetRequiredService<TargetBehaviour>();
    }

    public string Address { get; }

    public TargetBehaviour Behaviour { get; }

    public static string NewSocketPath() => System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"p4rt-{Guid.NewGuid():N}.sock");

    public static async Task<TestTarget> StartAsync(TargetBehaviour? behaviour = null, string? socket = null, TlsFiles? tls = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddGrpc(o => o.MaxReceiveMessageSize = 256 << 20);
        builder.Services.AddSingleton(behaviour ?? new TargetBehaviour());
        socket ??= NewSocketPath();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            if (tls is null)
            {
                kestrel.ListenUnixSocket(socket, o => o.Protocols = HttpProtocols.Http2);
                return;
            }

            kestrel.Listen(IPAddress.Loopback, 0, o =>
            {
                o.Protocols = HttpProtocols.Http2;
                o.UseHttps(new HttpsConnectionAdapterOptions
                {
                    ServerCertificate = tls.Server,
                    SslProtocols = tls.Protocols,
                    ClientCertificateMode = ClientCertificateMode.RequireCertificate,
                    ClientCertificateValidation = (certificate, _, _) => tls.Accepts(certificate),
                });
            });
        });
        var app = builder.Build();
        app.MapGrpcService<TestP4Service>();
        app.MapGrpcService<TestGnmiService>();
        await app.StartAsync();
        var address = tls is null
            ? "unix:" + socket
            : "https://localhost:" + new Uri(
                app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
        return new TestTarget(app, address, tls);
    }

    public TargetEndpoint Endpoint() => new()
    {
        Address = Address,
        CertificateFile = _tls?.ClientCertificateFile ?? "",
        KeyFile = _tls?.ClientKeyFile ?? "",
        CaFile = _tls?.CaFile ?? "",
    };

    public P4RuntimeSessionOptions Options() => new()
    {
        Endpoint = Endpoint(),
        BackoffMin = TimeSpan.FromMilliseconds(10),
        BackoffMax = TimeSpan.FromMilliseconds(50),
    };

    public P4RuntimeSession Session(Func<P4RuntimeSessionOptions, P4RuntimeSessionOptions>? change = null, ILogger? logger = null)
    {
        var options = Options();
        var session = new P4RuntimeSession(change?.Invoke(options) ?? options, logger ?? NullLogger.Instance);
        session.Start();
        return session;
    }

    public async Task<P4RuntimeSession> PrimaryAsync(
        Func<P4RuntimeSessionOptions, P4RuntimeSessionOptions>? change = null, ILogger? logger = null)
    {
        var session = Session(change, logger);
        using var limit = new CancellationTokenSource(Eventually.Limit);
        try
        {
            await session.WaitForPrimaryAsync(limit.Token);
            return session;
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"not primary within {Eventually.Limit.TotalSeconds} s: {session.State}, {session.StateReason}");
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Behaviour.HangUp();
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }
}
