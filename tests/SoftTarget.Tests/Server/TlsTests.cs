using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging.Abstractions;
using P4.V1;

namespace ACCOffload.SoftTarget.Tests.Server;

/// <summary>TLS 1.3 with certificates on both sides.</summary>
public sealed class TlsTests : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("softtarget-tls-").FullName;
    private readonly Authority _authority = new("test CA");
    private SoftTargetHost _host = null!;

    public async Task InitializeAsync()
    {
        _authority.Write(_directory, "server", server: true);
        _host = await SoftTargetHost.StartAsync(
            new SoftTargetOptions
            {
                Listen = ["127.0.0.1:0"],
                ServePorts = false,
                Tls = new SoftTargetTlsOptions
                {
                    CertificateFile = Path.Combine(_directory, "server.crt"),
                    KeyFile = Path.Combine(_directory, "server.key"),
                    CaFile = Path.Combine(_directory, "ca.crt"),
                },
            },
            NullLoggerFactory.Instance);
    }

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_client_of_our_authority_is_served() => Assert.Equal("1.5.0", await AskAsync(_authority.Issue("client", server: false)));

    [Fact]
    public Task A_client_without_a_certificate_is_not() => Refused(null);

    [Fact]
    public Task A_client_of_another_authority_is_not() => Refused(new Authority("other CA").Issue("client", server: false));

    [Fact]
    public Task A_servers_certificate_is_no_clients() => Refused(_authority.Issue("server", server: true));

    [Fact]
    public Task Tls_1_2_is_not_spoken() => Refused(_authority.Issue("client", server: false), SslProtocols.Tls12);

    [Fact]
    public async Task Changed_files_count_from_the_next_connection_on()
    {
        var next = new Authority("next CA");
        next.Write(_directory, "server", server: true);
        foreach (var file in Directory.GetFiles(_directory))
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddMinutes(1));
        await Refused(_authority.Issue("client", server: false));
        Assert.Equal("1.5.0", await AskAsync(next.Issue("client", server: false)));
    }

    [Fact]
    public async Task Unreadable_files_leave_the_old_ones_in_use()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "server.crt"), "nonsense");
        File.SetLastWriteTimeUtc(Path.Combine(_directory, "server.crt"), DateTime.UtcNow.AddMinutes(1));
        Assert.Equal("1.5.0", await AskAsync(_authority.Issue("client", server: false)));
    }

    [Fact]
    public async Task Missing_files_are_named_at_the_start()
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

    private async Task Refused(X509Certificate2? certificate, SslProtocols protocols = SslProtocols.Tls13)
        => Assert.NotEqual(StatusCode.OK, (await Assert.ThrowsAsync<RpcException>(() => AskAsync(certificate, protocols))).StatusCode);

    private async Task<string> AskAsync(X509Certificate2? certificate, SslProtocols protocols = SslProtocols.Tls13)
    {
        var tls = new SslClientAuthenticationOptions { EnabledSslProtocols = protocols };
        tls.RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.Subject == "CN=server";
        if (certificate is not null)
            tls.ClientCertificates = [certificate];
        using var handler = new SocketsHttpHandler { SslOptions = tls };
        var port = new Uri(_host.Addresses.Single()).Port;
        using var channel = GrpcChannel.ForAddress($"https://{IPAddress.Loopback}:{port}", new GrpcChannelOptions { HttpHandler = handler });
        var client = new P4Runtime.P4RuntimeClient(channel);
        return (await client.CapabilitiesAsync(new CapabilitiesRequest(), deadline: DateTime.UtcNow.AddSeconds(20))).P4RuntimeApiVersion;
    }

    private sealed class Authority
    {
        private readonly X509Certificate2 _certificate;

        public Authority(string name)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            _certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        }

        public X509Certificate2 Issue(string name, bool server)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(server ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2")], true));
            using var issued = request.Create(_certificate, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1), RandomNumberGenerator.GetBytes(8));
            using var whole = issued.CopyWithPrivateKey(key);
            return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
        }

        public void Write(string directory, string name, bool server)
        {
            using var certificate = Issue(name, server);
            File.WriteAllText(Path.Combine(directory, name + ".crt"), certificate.ExportCertificatePem());
            File.WriteAllText(Path.Combine(directory, name + ".key"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
            File.WriteAllText(Path.Combine(directory, "ca.crt"), _certificate.ExportCertificatePem());
        }
    }
}
