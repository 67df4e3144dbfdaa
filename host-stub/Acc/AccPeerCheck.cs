using System.Formats.Asn1;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.HostStub.Acc;

/// <summary>
/// Verifies that the peer is the ACC: signed by a trusted CA, with the configured name and the ACC's role in its certificate.
/// </summary>
internal static class AccPeerCheck
{
    public const string Role = "urn:accoffload:role:acc";
    public const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string SubjectAlternativeName = "2.5.29.17";

    public static X509ChainPolicy Policy(X509Certificate2Collection authorities, string usage = ServerAuthentication)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            // The default contacts revocation servers, which must not delay the start of a data plane.
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(authorities);
        policy.ApplicationPolicy.Add(new Oid(usage));
        return policy;
    }

    /// <returns>Why the peer is refused; null when it is not.</returns>
    public static string? Refusal(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors, string serverName)
    {
        if (certificate is not X509Certificate2 server)
        {
            return "the ACC sent no certificate";
        }

        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
        {
            return $"the ACC's certificate ({server.Subject}) is not trusted: {Reasons(chain)}";
        }

        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
        {
            return $"the ACC's certificate ({server.Subject}) is not for the name {serverName}";
        }

        if (errors != SslPolicyErrors.None)
        {
            return $"the ACC's certificate ({server.Subject}) is refused: {errors}";
        }

        return HasRole(server, Role) ? null : $"the ACC's certificate ({server.Subject}) does not have the role {Role}";
    }

    /// <summary>What is wrong with a chain.</summary>
    public static string Reasons(X509Chain? chain) =>
        chain is null ? "no chain" : string.Join(", ", chain.ChainStatus.Select(s => s.StatusInformation.Trim()).Distinct());

    /// <summary>Looks for a URI among the subject alternative names.</summary>
    public static bool HasRole(X509Certificate2 certificate, string role)
    {
        foreach (var extension in certificate.Extensions)
        {
            if (extension.Oid?.Value != SubjectAlternativeName)
            {
                continue;
            }

            try
            {
                var names = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
                var uri = new Asn1Tag(TagClass.ContextSpecific, 6);
                while (names.HasData)
                {
                    if (names.PeekTag().HasSameClassAndValue(uri))
                    {
                        if (names.ReadCharacterString(UniversalTagNumber.IA5String, uri) == role)
                        {
                            return true;
                        }
                    }
                    else
                    {
                        names.ReadEncodedValue();
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
}
