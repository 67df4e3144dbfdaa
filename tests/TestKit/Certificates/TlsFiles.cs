using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.TestKit.Certificates;

/// <summary>Certificates for one test: an authority, a server and a client certificate, in a private directory.</summary>
public sealed class TlsFiles : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tls-").FullName;
    private readonly X509Certificate2 _ca;

    public TlsFiles(string dnsName = "localhost", string role = "", TimeSpan? serverAge = null, bool foreignServer = false)
    {
        _ca = Authority("Test CA");
        using var foreign = Authority("Foreign CA");
        File.WriteAllText(CaFile, _ca.ExportCertificatePem());
        using var server = Issue(foreignServer ? foreign : _ca, "target", dnsName, role, serverAge ?? TimeSpan.Zero);
        // A key loaded from PEM is ephemeral; Kestrel requires it to be exported once.
        Server = X509CertificateLoader.LoadPkcs12(server.Export(X509ContentType.Pkcs12), null);
        RotateClient();
    }

    public X509Certificate2 Server { get; }

    public SslProtocols Protocols { get; init; } = SslProtocols.Tls13;

    public string CaFile => Path.Combine(_directory, "ca.crt");

    public string ClientCertificateFile => Path.Combine(_directory, "tls.crt");

    public string ClientKeyFile => Path.Combine(_directory, "tls.key");

    public string ClientThumbprint { get; private set; } = "";

    /// <summary>Replaces the client's certificate and key files.</summary>
    public void RotateClient(bool foreign = false)
    {
        using var other = Authority("Other CA");
        using var client = Issue(foreign ? other : _ca, "client", "client", "", TimeSpan.Zero);
        ClientThumbprint = client.Thumbprint;
        File.WriteAllText(ClientKeyFile, client.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(ClientCertificateFile, client.ExportCertificatePem());
    }

    public bool Accepts(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_ca);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }

    public void Dispose()
    {
        _ca.Dispose();
        Server.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private static X509Certificate2 Authority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-30), DateTimeOffset.UtcNow.AddDays(30));
    }

    private static X509Certificate2 Issue(X509Certificate2 authority, string name, string dnsName, string role, TimeSpan age)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(dnsName);
        if (role.Length > 0)
        {
            names.AddUri(new Uri(role));
        }

        request.CertificateExtensions.Add(names.Build());
        var end = DateTimeOffset.UtcNow.AddDays(1) - age;
        using var certificate = request.Create(authority, end.AddDays(-2), end, Guid.NewGuid().ToByteArray());
        return certificate.CopyWithPrivateKey(key);
    }
}
