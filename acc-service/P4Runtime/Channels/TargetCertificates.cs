using System.Formats.Asn1;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.P4Runtime.Channels;

/// <summary>Our certificate chain and the certificate authorities we trust, from one snapshot of the files.</summary>
internal sealed class TargetCertificates : IDisposable
{
    private const string SubjectAlternativeName = "2.5.29.17";
    private readonly TargetEndpoint _endpoint;
    private readonly X509Certificate2Collection _own = [];
    private readonly X509Certificate2Collection _authorities = [];
    private readonly X509Certificate2 _leaf;

    /// <summary>Parses the contents of the files.</summary>
    /// <exception cref="P4RuntimeException">A file is invalid; the message names it.</exception>
    public TargetCertificates(TargetEndpoint endpoint, PemFiles files)
    {
        _endpoint = endpoint;
        _leaf = Load(endpoint.CertificateFile, "certificate", () => X509Certificate2.CreateFromPem(files.Certificate, files.Key));
        Load(endpoint.CertificateFile, "certificate", () => Import(_own, files.Certificate));
        Load(endpoint.CaFile, "CA bundle", () => Import(_authorities, files.Ca));
    }

    public SslClientAuthenticationOptions Options()
    {
        // No online check: an ACC can't reach a responder, and .NET would wait for one by default.
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(_authorities);
        return new SslClientAuthenticationOptions
        {
            EnabledSslProtocols = SslProtocols.Tls13,
            CertificateChainPolicy = policy,
            ClientCertificateContext = SslStreamCertificateContext.Create(_leaf, _own, offline: true),
            RemoteCertificateValidationCallback = _endpoint.ServerRole.Length == 0 ? null : HasRole,
            AllowTlsResume = false,
        };
    }

    public void Dispose()
    {
        _leaf.Dispose();
        foreach (var certificate in _own.Concat(_authorities))
        {
            certificate.Dispose();
        }
    }

    /// <summary>Whether a certificate has a URI as a subject alternative name.</summary>
    internal static bool CarriesUri(X509Certificate2 certificate, string uri)
    {
        var tag = new Asn1Tag(TagClass.ContextSpecific, 6);
        foreach (var extension in certificate.Extensions)
        {
            if (extension.Oid?.Value != SubjectAlternativeName)
            {
                continue;
            }

            try
            {
                var names = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
                while (names.HasData)
                {
                    if (!names.PeekTag().HasSameClassAndValue(tag))
                    {
                        names.ReadEncodedValue();
                    }
                    else if (names.ReadCharacterString(UniversalTagNumber.IA5String, tag) == uri)
                    {
                        return true;
                    }
                }
            }
            catch (AsnContentException)
            {
                return false;
            }
        }

        return false;
    }

    private static int Import(X509Certificate2Collection into, string text)
    {
        into.ImportFromPem(text);
        return into.Count > 0 ? into.Count : throw new CryptographicException("it contains no certificate");
    }

    private static T Load<T>(string path, string what, Func<T> load)
    {
        try
        {
            return load();
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new P4RuntimeException(Grpc.Core.StatusCode.Unauthenticated, $"{what} {path} cannot be used: {e.Message}", e);
        }
    }

    private bool HasRole(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors != SslPolicyErrors.None || certificate is null)
        {
            throw new AuthenticationException($"the target's certificate is not valid: {Explain(errors, chain)}");
        }

        return CarriesUri(certificate as X509Certificate2 ?? new X509Certificate2(certificate), _endpoint.ServerRole)
            ? true
            : throw new AuthenticationException(
                $"the target's certificate ({certificate.Subject}) does not have the role {_endpoint.ServerRole}");
    }

    private static string Explain(SslPolicyErrors errors, X509Chain? chain) =>
        errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors) && chain is not null
            ? string.Join(", ", chain.ChainStatus.Select(s => s.Status))
            : errors.ToString();
}
