using System.Security.Cryptography.X509Certificates;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Security;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Configurations;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Security;

/// <summary>Requirements on the server's own files at startup.</summary>
public sealed class TrustStoreTests : IDisposable
{
    private readonly Folder _folder = new();
    private readonly TestPki _pki = new(DateTimeOffset.UtcNow);

    public TrustStoreTests() => Write(_pki.IssueServer(), _pki.Authority);

    public void Dispose()
    {
        _pki.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Valid_files_are_loaded() => Assert.Equal(1, Load().Current.Generation);

    [Theory]
    [InlineData("tls.crt", null, "Api:CertificateFile", "no such file")]
    [InlineData("tls.key", null, "Api:KeyFile", "no such file")]
    [InlineData("ca.crt", null, "Api:CaFile", "no such file")]
    [InlineData("ca.crl", null, "Api:CrlFile", "no such file")]
    [InlineData("tls.crt", "nonsense", "Api:CertificateFile", "contains no certificate")]
    [InlineData("tls.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "Api:CertificateFile", "is corrupt")]
    [InlineData("ca.crt", "", "Api:CaFile", "contains no certificate")]
    [InlineData("tls.key", "nonsense", "Api:KeyFile", "contains no private key for")]
    [InlineData("ca.crl", "nonsense", "Api:CrlFile", "is not a revocation list")]
    public void An_invalid_file_is_named_with_its_key(string file, string? contents, string key, string reason)
    {
        if (contents is null)
        {
            File.Delete(_folder.At(file));
        }
        else
        {
            _folder.Write(file, contents);
        }

        var e = Assert.Throws<CertificateFileException>(Load);
        Assert.Equal(key, e.Key);
        Assert.StartsWith(reason, e.Reason, StringComparison.Ordinal);
        Assert.Equal(_folder.At(file), e.File);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void An_expired_not_yet_valid_or_mismatched_certificate_is_refused()
    {
        Write(_pki.IssueServer(notAfter: DateTimeOffset.UtcNow.AddMinutes(-1)), _pki.Authority);
        Assert.StartsWith("the certificate expired on", Assert.Throws<CertificateFileException>(Load).Reason, StringComparison.Ordinal);
        Write(_pki.Issue("CN=x", [], TestPki.ServerAuthentication, notBefore: DateTimeOffset.UtcNow.AddHours(1)), _pki.Authority);
        Assert.StartsWith("the certificate is not valid before", Assert.Throws<CertificateFileException>(Load).Reason,
            StringComparison.Ordinal);
        using var other = _pki.IssueServer();
        _folder.Write("tls.crt", other.ExportCertificatePem());
        Assert.StartsWith("contains no private key for", Assert.Throws<CertificateFileException>(Load).Reason,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_bundle_with_a_certificate_that_is_not_a_CA_is_refused()
    {
        Write(_pki.IssueServer(), _pki.IssueHost());
        Assert.Equal("CN=node-1 is not an authority", Assert.Throws<CertificateFileException>(Load).Reason);
    }

    [Fact]
    public void Unchanged_contents_raise_no_event()
    {
        var store = Load();
        var changes = 0;
        store.Changed += () => changes++;
        Assert.True(store.Reload());
        Assert.Equal(0, changes);
        _folder.Write("ca.crl",
            new string(System.Security.Cryptography.PemEncoding.Write("X509 CRL",
                _pki.Revoke(DateTimeOffset.UtcNow.AddDays(2), _pki.IssueHost()))));
        Assert.True(store.Reload());
        Assert.Equal((1, 2), (changes, store.Current.Generation));
        File.Delete(_folder.At("tls.key"));
        Assert.False(store.Reload());
        Assert.Equal(2, store.Current.Generation);
    }

    private TrustStore Load()
    {
        var api = SettingsLoader.Load(
            _folder.Write(
                "c.json",
                InfraManagerJson.Create().WithCertificates("Api", _folder.Root).Set("Api:CrlFile", _folder.At("ca.crl")).ToJsonString()),
            new Dictionary<string, string>()).Api;
        return new TrustStore(api, TimeProvider.System, NullLogger.Instance);
    }

    private void Write(X509Certificate2 server, X509Certificate2 authority)
    {
        TestPki.WritePair(_folder.Root, server);
        _pki.WriteAuthority(_folder.Root, authority);
        _folder.Write("ca.crl",
            new string(System.Security.Cryptography.PemEncoding.Write("X509 CRL", _pki.Revoke(DateTimeOffset.UtcNow.AddDays(1)))));
    }
}
