using System.Security.Cryptography.X509Certificates;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests;

/// <summary>
/// `make certs`: creates a CA and a certificate for each role, with names and paths from arguments; only the owner can read private keys.
/// </summary>
public sealed class CertificateScriptTests
{
    [Theory]
    [InlineData("acc-server", "urn:accoffload:role:acc", "1.3.6.1.5.5.7.3.1")]
    [InlineData("host-client", "urn:accoffload:role:host:worker-7", "1.3.6.1.5.5.7.3.2")]
    [InlineData("p4rt-client", "urn:accoffload:role:p4rt-client", "1.3.6.1.5.5.7.3.2")]
    [InlineData("p4rt-server", "urn:accoffload:role:p4rt-server", "1.3.6.1.5.5.7.3.1")]
    [InlineData("metrics-client", "urn:accoffload:role:metrics", "1.3.6.1.5.5.7.3.2")]
    [InlineData("metrics-server", "urn:accoffload:role:metrics-server", "1.3.6.1.5.5.7.3.1")]
    public async Task Each_role_has_a_certificate_signed_by_the_CA(string folder, string role, string usage)
    {
        var directory = Directory.CreateTempSubdirectory("accoffload-pki-").FullName;
        try
        {
            await Shell.RunAsync(null, "make", ["-s", "-C", Repository.Root, "certs", $"CERTS_DIR={directory}", "NODE=worker-7",
                "ACC_NAMES=acc.example,192.0.2.77"]).Succeeded();

            using var ca = X509CertificateLoader.LoadCertificateFromFile(Path.Combine(directory, folder, "ca.crt"));
            using var certificate = X509Certificate2.CreateFromPemFile(Path.Combine(directory, folder, "tls.crt"),
                Path.Combine(directory, folder, "tls.key"));
            using var chain = new X509Chain();
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.Add(ca);
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            chain.ChainPolicy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid(usage));
            Assert.True(chain.Build(certificate));

            var names = await Shell.RunAsync(null, "openssl",
                ["x509", "-in", Path.Combine(directory, folder, "tls.crt"), "-noout", "-ext", "subjectAltName"]).Succeeded();
            Assert.Contains($"URI:{role}", names.Output);
            if (folder == "acc-server")
            {
                Assert.Contains("DNS:acc.example, IP Address:192.0.2.77", names.Output);
            }

            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(directory, folder, "tls.key")));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(directory, "ca.key")));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
