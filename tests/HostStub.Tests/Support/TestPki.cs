using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.HostStub.Tests;

/// <summary>An in-memory CA.</summary>
internal sealed class TestPki
{
    public const string AccRole = "urn:accoffload:role:acc";
    public const string HostRole = "urn:accoffload:role:host:node-1";

    private readonly X509Certificate2 _authority;

    public TestPki()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=test CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-2), DateTimeOffset.UtcNow.AddDays(2));
    }

    public X509Certificate2 Authority => _authority;

    public X509Certificate2 Issue(string role, string? dnsName = "accoffload-acc", DateTimeOffset? until = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        if (role.Length > 0)
        {
            names.AddUri(new Uri(role));
        }

        if (dnsName is not null)
        {
            names.AddDnsName(dnsName);
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        using var signed = request.Create(
            _authority, DateTimeOffset.UtcNow.AddDays(-1), until ?? DateTimeOffset.UtcNow.AddDays(1), RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }

    /// <summary>Writes tls.crt, tls.key and ca.crt.</summary>
    public void WriteClient(string directory, X509Certificate2? certificate = null, X509Certificate2? authority = null)
    {
        Directory.CreateDirectory(directory);
        using var own = certificate is null ? Issue(HostRole, null) : null;
        var used = certificate ?? own!;
        File.WriteAllText(Path.Combine(directory, "ca.crt"), (authority ?? _authority).ExportCertificatePem());
        File.WriteAllText(Path.Combine(directory, "tls.key"), used.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Path.Combine(directory, "tls.crt"), used.ExportCertificatePem());
    }
}

internal static class CertificateExtensions
{
    public static string GetECDsaPrivateKeyPem(this X509Certificate2 certificate)
    {
        using var key = certificate.GetECDsaPrivateKey();
        return key!.ExportPkcs8PrivateKeyPem();
    }
}
