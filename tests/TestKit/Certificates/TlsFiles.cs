using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.TestKit.Certificates;

/// <summary>Certificates for one test: an authority, a server and a client certificate, in a private directory.</summary>
public sealed class TlsFiles : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tls-").FullName;
    private readonly TestPki _pki = new();

    public TlsFiles(string dnsName = "localhost", string role = "", TimeSpan? serverAge = null, bool foreignServer = false)
    {
        using var foreign = new TestPki(name: "CN=Foreign CA");
        _pki.WriteAuthority(_directory);
        Server = (foreignServer ? foreign : _pki).IssueFor(role, dnsName, DateTimeOffset.UtcNow.AddDays(1) - (serverAge ?? TimeSpan.Zero));
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
        using var other = new TestPki(name: "CN=Other CA");
        using var client = (foreign ? other : _pki).IssueFor("", "client");
        ClientThumbprint = client.Thumbprint;
        TestPki.WritePair(_directory, client);
    }

    public bool Accepts(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_pki.Authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }

    public void Dispose()
    {
        _pki.Dispose();
        Server.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
