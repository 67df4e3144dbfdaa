using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.InfraManager.Security;
using ACCOffload.TestKit.Certificates;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Security;

public sealed class RevocationListTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly TestPki _pki = new(Now);

    public void Dispose() => _pki.Dispose();

    [Fact]
    public void Entries_dates_and_signature_are_read()
    {
        using var revoked = _pki.IssueHost();
        using var good = _pki.IssueHost();
        var list = Assert.Single(RevocationList.ReadAll(_pki.Revoke(Now.AddDays(1), revoked)));
        Assert.True(list.Contains(revoked));
        Assert.False(list.Contains(good));
        Assert.Equal(Now.AddDays(1), list.NextUpdate);
        Assert.Equal(Now.AddHours(-1), list.ThisUpdate);
        Assert.True(list.IsSignedBy(_pki.Authority));
    }

    [Fact]
    public void A_list_signed_with_RSA_is_verified()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=RSA CA", key, HashAlgorithmName.SHA384, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        using var authority = request.CreateSelfSigned(Now.AddDays(-1), Now.AddDays(10));
        var der = new CertificateRevocationListBuilder().Build(authority, 1, Now.AddDays(1), HashAlgorithmName.SHA384,
            RSASignaturePadding.Pkcs1, Now);
        Assert.True(RevocationList.ReadAll(der)[0].IsSignedBy(authority));
    }

    [Fact]
    public void A_list_signed_by_another_key_or_with_a_flipped_bit_is_not_accepted()
    {
        using var other = new TestPki(Now);
        var der = _pki.Revoke(Now.AddDays(1));
        Assert.False(RevocationList.ReadAll(other.Revoke(Now.AddDays(1)))[0].IsSignedBy(_pki.Authority));
        der[^3] ^= 1;
        Assert.False(RevocationList.ReadAll(der)[0].IsSignedBy(_pki.Authority));
    }

    [Fact]
    public void A_PEM_file_may_contain_several_lists()
    {
        using var other = new TestPki(Now, "CN=Other CA");
        var text = new string(PemEncoding.Write("X509 CRL", _pki.Revoke(Now.AddDays(1)))) + "\n"
            + new string(PemEncoding.Write("X509 CRL", other.Revoke(Now.AddDays(1)))) + "\n";
        Assert.Equal(2, RevocationList.ReadAll(System.Text.Encoding.ASCII.GetBytes(text)).Count);
        Assert.Throws<CryptographicException>(() =>
            RevocationList.ReadAll(System.Text.Encoding.ASCII.GetBytes(_pki.Authority.ExportCertificatePem())));
    }

    [Fact]
    public void A_corrupted_list_causes_no_exception_but_CryptographicException()
    {
        var der = _pki.Revoke(Now.AddDays(1), _pki.IssueHost());
        Gen.Select(Gen.Int[0, der.Length - 1], Gen.Byte, Gen.Int[0, der.Length]).Sample((at, value, length) =>
        {
            var corrupted = der[..length];
            if (at < length)
            {
                corrupted[at] = value;
            }

            try
            {
                _ = RevocationList.ReadAll(corrupted).All(l => l.IsSignedBy(_pki.Authority));
            }
            catch (CryptographicException)
            {
            }
        }, iter: 3000);
    }
}
