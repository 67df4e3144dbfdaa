using System.Security.Cryptography;
using ACCOffload.Daemon.Support;

namespace ACCOffload.InfraManager.Tests.Daemon;

public sealed class SecretFilterTests
{
    [Theory]
    [InlineData("password: hunter2", "hunter2")]
    [InlineData("""{"password": "hunter 2", "next": 1}""", "hunter 2")]
    [InlineData("    token: abcdef.0123456789abcdef", "0123456789abcdef")]
    [InlineData("client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURQ==", "LS0tLS1CRUdJTiBSU0EgUFJJVkFURQ")]
    [InlineData("client secret=s3cr3t;", "s3cr3t")]
    [InlineData("Authorization: Bearer 0123456789abcdef", "0123456789abcdef")]
    [InlineData("proxy http://user:pass@proxy:3128 is used", "pass")]
    [InlineData(
        "the token eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl was refused", "eyJpc3MiOiJrdWJlcm5ldGVzIn0")]
    public void Secrets_are_removed(string text, string secret)
    {
        var filtered = SecretFilter.Apply(text);
        Assert.DoesNotContain(secret, filtered, StringComparison.Ordinal);
        Assert.Contains(SecretFilter.Removed, filtered, StringComparison.Ordinal);
    }

    [Fact]
    public void Private_keys_are_removed_also_if_they_are_cut_off()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var rsa = RSA.Create(2048);
        foreach (var pem in new[]
        {
            key.ExportPkcs8PrivateKeyPem(), key.ExportECPrivateKeyPem(), rsa.ExportRSAPrivateKeyPem(),
            key.ExportEncryptedPkcs8PrivateKeyPem("x", new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000)),
        })
        {
            var secret = pem.Split('\n')[1];
            Assert.DoesNotContain(secret, SecretFilter.Apply($"before\n{pem}\nafter"), StringComparison.Ordinal);
            Assert.DoesNotContain(secret, SecretFilter.Apply($"before\n{pem[..(pem.Length / 2)]}"), StringComparison.Ordinal);
            Assert.EndsWith("\nafter", SecretFilter.Apply($"before\n{pem}\nafter"), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Api:KeyFile = /etc/accoffload/tls.key  (default)")]
    [InlineData("""{"Kubernetes": {"Kubeconfig": "/etc/accoffload/kubeconfig"}, "Api": {"Listen": "192.0.2.1:50002"}}""")]
    [InlineData("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----")]
    [InlineData("https://192.0.2.1:6443 and unix:/run/accoffload/control.sock")]
    public void The_rest_stays(string text) => Assert.Equal(text, SecretFilter.Apply(text));
}
