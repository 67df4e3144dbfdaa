using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.TestKit.Certificates;

/// <summary>A certificate authority for one test.</summary>
public sealed class TestPki : IDisposable
{
    public const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    public const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    public const string AccRole = "urn:accoffload:role:acc";
    public const string HostRole = "urn:accoffload:role:host:node-1";

    private readonly DateTimeOffset _now;

    /// <param name="now">When the certificates are issued; null for the current time.</param>
    /// <param name="name">The authority's subject.</param>
    public TestPki(DateTimeOffset? now = null, string name = "CN=Test CA")
    {
        _now = now ?? DateTimeOffset.UtcNow;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        Authority = request.CreateSelfSigned(_now.AddDays(-30), _now.AddDays(3650));
    }

    public X509Certificate2 Authority { get; }

    public X509Certificate2 IssueServer(string name = "accoffload-acc", DateTimeOffset? notAfter = null) =>
        Issue($"CN={name}", ["urn:accoffload:role:acc"], ServerAuthentication, notAfter: notAfter);

    public X509Certificate2 IssueHost(string node = "node-1", DateTimeOffset? notAfter = null) =>
        Issue($"CN={node}", [$"urn:accoffload:role:host:{node}"], ClientAuthentication, notAfter: notAfter);

    /// <summary>A certificate for one usage (null for any), for the ACC's name and the loopback address.</summary>
    public X509Certificate2 Issue(
        string subject,
        IReadOnlyList<string> uris,
        string? usage,
        DateTimeOffset? notBefore = null,
        DateTimeOffset? notAfter = null,
        X509KeyUsageFlags keyUsage = X509KeyUsageFlags.DigitalSignature)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("accoffload-acc");
        names.AddIpAddress(IPAddress.Loopback);
        return Issue(
            subject, names, uris, usage is null ? [] : [usage], notBefore ?? _now.AddDays(-2), notAfter ?? _now.AddDays(30), keyUsage);
    }

    /// <summary>A certificate for server and client authentication, with a role; "" for none.</summary>
    public X509Certificate2 IssueFor(
        string role, string? dnsName = "accoffload-acc", DateTimeOffset? until = null)
    {
        var names = new SubjectAlternativeNameBuilder();
        if (dnsName is not null)
        {
            names.AddDnsName(dnsName);
        }

        var end = until ?? _now.AddDays(1);
        return Issue("CN=test", names, role.Length > 0 ? [role] : [], [ServerAuthentication, ClientAuthentication], end.AddDays(-2), end,
            X509KeyUsageFlags.DigitalSignature);
    }

    /// <summary>Writes tls.crt, tls.key and ca.crt; issues a certificate with the host's role if none is given.</summary>
    public void WriteClient(string directory, X509Certificate2? certificate = null, X509Certificate2? authority = null)
    {
        Directory.CreateDirectory(directory);
        using var own = certificate is null ? IssueFor(HostRole, null) : null;
        var used = certificate ?? own!;
        WriteAuthority(directory, authority);
        WritePair(directory, used);
    }

    /// <summary>Writes ca.crt, by default of this authority.</summary>
    public void WriteAuthority(string directory, X509Certificate2? authority = null) =>
        File.WriteAllText(Path.Combine(directory, "ca.crt"), (authority ?? Authority).ExportCertificatePem());

    /// <summary>
    /// Writes a certificate and its key. The key comes first: a reader that loads the files in between sees a mismatched pair and retries.
    /// </summary>
    public static void WritePair(string directory, X509Certificate2 certificate, string name = "tls")
    {
        File.WriteAllText(Path.Combine(directory, name + ".key"), certificate.GetECDsaPrivateKeyPem());
        File.WriteAllText(Path.Combine(directory, name + ".crt"), certificate.ExportCertificatePem());
    }

    /// <summary>A DER-encoded revocation list.</summary>
    public byte[] Revoke(DateTimeOffset nextUpdate, params IReadOnlyList<X509Certificate2> revoked)
    {
        var builder = new CertificateRevocationListBuilder();
        foreach (var certificate in revoked)
        {
            builder.AddEntry(certificate, _now.AddHours(-1));
        }

        var generator = X509SignatureGenerator.CreateForECDsa(Authority.GetECDsaPrivateKey()!);
        // The CRL number distinguishes lists issued at the same time.
        return builder.Build(Authority.SubjectName, generator, revoked.Count + 1, nextUpdate, HashAlgorithmName.SHA256,
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(Authority, true, false), _now.AddHours(-1));
    }

    public void Dispose() => Authority.Dispose();

    private X509Certificate2 Issue(
        string subject,
        SubjectAlternativeNameBuilder names,
        IReadOnlyList<string> uris,
        IReadOnlyList<string> usages,
        DateTimeOffset notBefore,
        DateTimeOffset notAfter,
        X509KeyUsageFlags keyUsage)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(keyUsage, true));
        if (usages.Count > 0)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([.. usages.Select(u => new Oid(u))], false));
        }

        foreach (var uri in uris)
        {
            names.AddUri(new Uri(uri));
        }

        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(Authority, notBefore, notAfter, RandomNumberGenerator.GetBytes(12));
        return certificate.CopyWithPrivateKey(key);
    }
}

public static class CertificateExtensions
{
    public static string GetECDsaPrivateKeyPem(this X509Certificate2 certificate)
    {
        using var key = certificate.GetECDsaPrivateKey();
        return key!.ExportPkcs8PrivateKeyPem();
    }
}
