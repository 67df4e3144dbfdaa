using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.InfraManager.Security;

/// <summary>A certificate revocation list (RFC 5280, section 5), read from DER.</summary>
internal sealed class RevocationList
{
    private readonly HashSet<BigInteger> _serials = [];
    private readonly byte[] _signed;
    private readonly string _algorithm;
    private readonly byte[] _signature;

    private RevocationList(byte[] signed, string algorithm, byte[] signature, byte[] issuer)
    {
        _signed = signed;
        _algorithm = algorithm;
        _signature = signature;
        Issuer = new X500DistinguishedName(issuer);
    }

    public X500DistinguishedName Issuer { get; }

    public DateTimeOffset ThisUpdate { get; private set; }

    /// <summary>When the next list is due; null if unspecified.</summary>
    public DateTimeOffset? NextUpdate { get; private set; }

    public int Count => _serials.Count;

    public bool Contains(X509Certificate2 certificate) =>
        _serials.Contains(new BigInteger(certificate.SerialNumberBytes.Span, isUnsigned: false, isBigEndian: true));

    /// <summary>Reads all lists of a file, PEM or DER.</summary>
    /// <exception cref="CryptographicException">The file is malformed, or a list is not supported.</exception>
    public static IReadOnlyList<RevocationList> ReadAll(ReadOnlySpan<byte> file)
    {
        if (file.IndexOf("-----BEGIN"u8) < 0)
        {
            return [Parse(file.ToArray())];
        }

        var text = System.Text.Encoding.UTF8.GetString(file).AsSpan();
        var lists = new List<RevocationList>();
        while (PemEncoding.TryFind(text, out var fields))
        {
            if (text[fields.Label] is not "X509 CRL")
            {
                throw new CryptographicException($"contains a block of type \"{text[fields.Label]}\"");
            }

            lists.Add(Parse(Convert.FromBase64String(text[fields.Base64Data].ToString())));
            text = text[fields.Location.End..];
        }
        return lists.Count > 0 ? lists : throw new CryptographicException("contains no block of type \"X509 CRL\"");
    }

    /// <summary>Whether the key of <paramref name="issuer"/> signed the list.</summary>
    public bool IsSignedBy(X509Certificate2 issuer)
    {
        if (!Issuer.RawData.AsSpan().SequenceEqual(issuer.SubjectName.RawData))
        {
            return false;
        }

        var usage = issuer.Extensions.OfType<X509KeyUsageExtension>().FirstOrDefault();
        if (usage is not null && !usage.KeyUsages.HasFlag(X509KeyUsageFlags.CrlSign))
        {
            return false;
        }

        var hash = _algorithm switch
        {
            "1.2.840.10045.4.3.2" or "1.2.840.113549.1.1.11" => HashAlgorithmName.SHA256,
            "1.2.840.10045.4.3.3" or "1.2.840.113549.1.1.12" => HashAlgorithmName.SHA384,
            "1.2.840.10045.4.3.4" or "1.2.840.113549.1.1.13" => HashAlgorithmName.SHA512,
            _ => throw new CryptographicException(
                $"is signed with the algorithm {_algorithm}, which is not supported (ECDSA or RSA with SHA-2 is)"),
        };
        if (_algorithm.StartsWith("1.2.840.10045.", StringComparison.Ordinal))
        {
            using var ecdsa = issuer.GetECDsaPublicKey();
            return ecdsa?.VerifyData(_signed, _signature, hash, DSASignatureFormat.Rfc3279DerSequence) ?? false;
        }
        using var rsa = issuer.GetRSAPublicKey();
        return rsa?.VerifyData(_signed, _signature, hash, RSASignaturePadding.Pkcs1) ?? false;
    }

    private static RevocationList Parse(byte[] der)
    {
        try
        {
            var outer = new AsnReader(der, AsnEncodingRules.DER);
            var list = outer.ReadSequence();
            outer.ThrowIfNotEmpty();
            var signed = list.PeekEncodedValue().ToArray();
            var body = list.ReadSequence();
            var algorithm = list.ReadSequence().ReadObjectIdentifier();
            var signature = list.ReadBitString(out _);
            list.ThrowIfNotEmpty();

            if (body.PeekTag().HasSameClassAndValue(Asn1Tag.Integer))
            {
                body.ReadInteger();
            }

            body.ReadSequence();
            var result = new RevocationList(signed, algorithm, signature, body.ReadEncodedValue().ToArray())
            {
                ThisUpdate = ReadTime(body),
            };
            if (body.HasData && IsTime(body.PeekTag()))
            {
                result.NextUpdate = ReadTime(body);
            }

            if (body.HasData && body.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence))
            {
                result.ReadEntries(body.ReadSequence());
            }

            if (body.HasData)
            {
                RefuseUnknownCritical(body.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0)).ReadSequence());
            }

            body.ThrowIfNotEmpty();
            return result;
        }
        catch (AsnContentException e)
        {
            throw new CryptographicException($"is not a revocation list: {e.Message}", e);
        }
    }

    private void ReadEntries(AsnReader entries)
    {
        while (entries.HasData)
        {
            var entry = entries.ReadSequence();
            _serials.Add(entry.ReadInteger());
            ReadTime(entry);
            if (entry.HasData)
            {
                RefuseUnknownCritical(entry.ReadSequence());
            }
        }
    }

    /// <summary>A delta or partial list has a critical extension. Treated as a full list, it would accept revoked certificates.</summary>
    private static void RefuseUnknownCritical(AsnReader extensions)
    {
        while (extensions.HasData)
        {
            var extension = extensions.ReadSequence();
            var id = extension.ReadObjectIdentifier();
            if (extension.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean) && extension.ReadBoolean())
            {
                throw new CryptographicException(
                    $"has the critical extension {id}, which is not supported (delta, indirect and partial lists are not)");
            }
        }
    }

    private static bool IsTime(Asn1Tag tag) =>
        tag.HasSameClassAndValue(Asn1Tag.UtcTime) || tag.HasSameClassAndValue(Asn1Tag.GeneralizedTime);

    private static DateTimeOffset ReadTime(AsnReader reader) =>
        reader.PeekTag().HasSameClassAndValue(Asn1Tag.UtcTime) ? reader.ReadUtcTime() : reader.ReadGeneralizedTime();
}
