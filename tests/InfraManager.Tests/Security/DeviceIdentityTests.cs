using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.CommandLine;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Configurations;

namespace ACCOffload.InfraManager.Tests.Security;

/// <summary>`inframanager certs`: keeps the key, writes a request and installs the certificate.</summary>
public sealed class DeviceIdentityTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("accoffload-identity-").FullName;
    private readonly TestPki _pki = new(DateTimeOffset.UtcNow);

    public DeviceIdentityTests()
    {
        File.WriteAllText(At("inframanager.json"), new JsonObject().WithCertificates("Api", _folder).ToJsonString());
        File.WriteAllText(At("authority.crt"), _pki.Authority.ExportCertificatePem());
    }

    public void Dispose()
    {
        _pki.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_request_contains_the_role_and_names_and_its_key_is_generated_once()
    {
        var printed = await RunAsync(0, "certs", "request", "--name", "acc.example", "--name", "192.0.2.7");
        Assert.Equal(File.ReadAllText(At("tls.csr")).Trim(), printed.Trim());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(At("tls.key")));
        var key = await File.ReadAllTextAsync(At("tls.key"));

        var request = Load();
        Assert.Equal("CN=acc.example", request.SubjectName.Name);
        var names = request.CertificateExtensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        Assert.Equal(["acc.example"], names.EnumerateDnsNames());
        Assert.Equal("192.0.2.7", Assert.Single(names.EnumerateIPAddresses()).ToString());
        Assert.Contains("urn:accoffload:role:acc", System.Text.Encoding.ASCII.GetString(names.RawData), StringComparison.Ordinal);

        await RunAsync(0, "certs", "request");
        Assert.Equal(key, await File.ReadAllTextAsync(At("tls.key")));
        Assert.Contains("neither a DNS name nor an address", await RunAsync(1, "certs", "request", "--name", "a b"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_for_this_key_is_installed()
    {
        await RunAsync(0, "certs", "request");
        Issue("issued.crt", "urn:accoffload:role:acc");
        var said = await RunAsync(0, "certs", "install", "--certificate", At("issued.crt"), "--ca", At("authority.crt"));
        Assert.Contains("valid until", said, StringComparison.Ordinal);
        using var pair = X509Certificate2.CreateFromPemFile(At("tls.crt"), At("tls.key"));
        Assert.True(pair.HasPrivateKey);
        Assert.Equal(File.ReadAllText(At("authority.crt")), File.ReadAllText(At("ca.crt")));
    }

    [Fact]
    public async Task An_unsuitable_certificate_is_refused_and_changes_nothing()
    {
        Assert.Contains("the file does not exist", await RunAsync(1, "certs", "install", "--certificate", At("authority.crt"), "--ca",
            At("authority.crt")), StringComparison.Ordinal);
        await RunAsync(0, "certs", "request");

        using (var other = _pki.IssueServer())
        {
            File.WriteAllText(At("other.crt"), other.ExportCertificatePem());
        }

        await RefusedAsync("not issued for this device's key", "other.crt", "authority.crt");

        Issue("role.crt", "urn:accoffload:role:host:node-1");
        await RefusedAsync("does not carry the role", "role.crt", "authority.crt");

        Issue("old.crt", "urn:accoffload:role:acc", DateTimeOffset.UtcNow.AddDays(-1));
        await RefusedAsync("it expired on", "old.crt", "authority.crt");

        using var stranger = new TestPki(DateTimeOffset.UtcNow, "CN=Another CA");
        File.WriteAllText(At("stranger.crt"), stranger.Authority.ExportCertificatePem());
        Issue("good.crt", "urn:accoffload:role:acc");
        await RefusedAsync("does not chain to an authority", "good.crt", "stranger.crt");

        File.WriteAllText(At("text.crt"), "no certificate");
        await RefusedAsync("it contains no certificate", "text.crt", "authority.crt");
    }

    private async Task RefusedAsync(string reason, string certificate, string authorities)
    {
        var said = await RunAsync(1, "certs", "install", "--certificate", At(certificate), "--ca", At(authorities));
        Assert.Contains(reason, said, StringComparison.Ordinal);
        Assert.Single(said.Trim().Split('\n'));
        Assert.False(File.Exists(At("tls.crt")));
        Assert.False(File.Exists(At("ca.crt")));
    }

    private string At(string name) => Path.Combine(_folder, name);

    private CertificateRequest Load() => CertificateRequest.LoadSigningRequestPem(
        File.ReadAllText(At("tls.csr")), HashAlgorithmName.SHA256, CertificateRequestLoadOptions.UnsafeLoadCertificateExtensions);

    /// <summary>Issues a certificate for the device's request, as an authority does.</summary>
    private void Issue(string file, string role, DateTimeOffset? notAfter = null)
    {
        var asked = Load();
        var request = new CertificateRequest(asked.SubjectName, asked.PublicKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("accoffload-acc");
        names.AddUri(new Uri(role));
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(TestPki.ServerAuthentication)], false));
        using var issued = request.Create(_pki.Authority, DateTimeOffset.UtcNow.AddDays(-2),
            notAfter ?? DateTimeOffset.UtcNow.AddDays(30), [1, 2, 3, 4]);
        File.WriteAllText(At(file), issued.ExportCertificatePem());
    }

    private async Task<string> RunAsync(int code, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        Assert.Equal(code, await Commands.RunAsync([.. arguments, "--config", At("inframanager.json")], output, error));
        return output.ToString() + error;
    }
}
