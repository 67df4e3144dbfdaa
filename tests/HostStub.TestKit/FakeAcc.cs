using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.TestKit.Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.TestKit;

/// <summary>
/// accoffload.v1.Offload over mutual TLS, with the rules of the .proto file and switchable faults. The model survives a stop.
/// </summary>
internal sealed class FakeAcc : IAsyncDisposable
{
    private WebApplication? _application;

    public FakeAcc(TestPki pki)
    {
        Pki = pki;
        Certificate = pki.IssueFor(TestPki.AccRole);
    }

    public TestPki Pki { get; }

    public X509Certificate2 Certificate { get; set; }

    public SslProtocols Protocols { get; set; } = SslProtocols.Tls13;

    /// <summary>Whether new clients' certificates are accepted.</summary>
    public bool AcceptsClients { get; set; } = true;

    /// <summary>Whether new clients are shown a certificate; otherwise their handshake fails.</summary>
    public bool ShowsCertificate { get; set; } = true;

    public FakeAccModel Model { get; } = new();

    public int Port { get; private set; }

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = "/" });
        builder.Logging.ClearProviders();
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(Model);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration()
            .ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, Port, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            listen.UseHttps(https =>
            {
                https.ServerCertificateSelector = (_, _) => ShowsCertificate ? Certificate : null;
                https.SslProtocols = Protocols;
                https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
                https.ClientCertificateValidation = IsTrusted;
            });
        }));
        _application = builder.Build();
        _application.MapGrpcService<FakeOffloadService>();
        await _application.StartAsync();
        Port = new Uri(_application.Urls.First()).Port;
    }

    /// <summary>Stops abruptly, like a machine that is switched off; the port refuses connections.</summary>
    public async Task StopAsync()
    {
        if (_application is null)
        {
            return;
        }

        Model.ReleaseHanging();
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _application.StopAsync(now.Token);
        await _application.DisposeAsync();
        _application = null;
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private bool IsTrusted(X509Certificate2 certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        using var check = new X509Chain();
        check.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        check.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        check.ChainPolicy.CustomTrustStore.Add(Pki.Authority);
        return AcceptsClients && check.Build(certificate);
    }
}
