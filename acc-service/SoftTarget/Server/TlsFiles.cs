using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.SoftTarget.Server;

/// <summary>The certificate files as they were at one moment.</summary>
/// <param name="Server">The server's certificate with its chain.</param>
/// <param name="Authorities">Whose client certificates are accepted.</param>
internal sealed record TlsFiles(SslStreamCertificateContext Server, X509Certificate2Collection Authorities)
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>How a client's chain is built: to the configured authorities, and never over the network.</summary>
    public X509ChainPolicy ChainPolicy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(Authorities);
        policy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        return policy;
    }
}
