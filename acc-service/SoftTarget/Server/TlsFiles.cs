using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.SoftTarget.Server;

/// <summary>A snapshot of the certificate files.</summary>
/// <param name="Server">The server's certificate with its chain.</param>
/// <param name="Authorities">Certificate authorities of the clients.</param>
internal sealed record TlsFiles(SslStreamCertificateContext Server, X509Certificate2Collection Authorities)
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>Policy for client chains: only the configured authorities, and no network access.</summary>
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
