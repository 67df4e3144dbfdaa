using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.Connections;

/// <summary>The roles in a certificate's subject alternative names: URIs such as urn:accoffload:role:host:node-1.</summary>
internal static class CertificateRoles
{
    /// <summary>What precedes a role in the URI.</summary>
    public const string Prefix = "urn:accoffload:role:";

    private const string AlternativeNames = "2.5.29.17";

    /// <summary>The role of a host, followed by the name of its node.</summary>
    public const string Host = "host:";

    /// <summary>The role of an ACC.</summary>
    public const string Acc = "acc";

    /// <summary>The role of a P4Runtime client.</summary>
    public const string P4RuntimeClient = "p4rt-client";

    /// <summary>The roles without the prefix; empty if the certificate has none.</summary>
    /// <exception cref="CryptographicException">The extension is malformed.</exception>
    public static IReadOnlyList<string> Read(X509Certificate2 certificate)
    {
        var roles = new List<string>();
        foreach (var extension in certificate.Extensions)
        {
            if (extension.Oid?.Value != AlternativeNames)
            {
                continue;
            }

            try
            {
                var names = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
                var uriTag = new Asn1Tag(TagClass.ContextSpecific, 6);
                while (names.HasData)
                {
                    if (!names.PeekTag().HasSameClassAndValue(uriTag))
                    {
                        names.ReadEncodedValue();
                        continue;
                    }
                    var uri = names.ReadCharacterString(UniversalTagNumber.IA5String, uriTag);
                    if (uri.StartsWith(Prefix, StringComparison.Ordinal))
                    {
                        roles.Add(uri[Prefix.Length..]);
                    }
                }
            }
            catch (AsnContentException e)
            {
                throw new CryptographicException("its subject alternative names are malformed", e);
            }
        }
        return roles;
    }
}
