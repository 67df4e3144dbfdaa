using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.InfraManager.Security;

/// <summary>The certificates that a client presented, kept so that they can be checked again when the trust changes.</summary>
/// <param name="Leaf">The certificate of the client, DER.</param>
/// <param name="Others">The other certificates that it sent, DER.</param>
internal sealed record ClientCertificate(byte[] Leaf, IReadOnlyList<byte[]> Others)
{
    /// <summary>More intermediates than any real hierarchy has; further ones are ignored.</summary>
    private const int MaxOthers = 8;

    public static ClientCertificate From(X509Certificate certificate, X509Chain? chain)
    {
        var others = chain?.ChainPolicy.ExtraStore.Take(MaxOthers).Select(c => c.RawData).ToArray() ?? [];
        return new ClientCertificate(certificate.GetRawCertData(), others);
    }
}

/// <summary>The identity of a client, from its certificate.</summary>
/// <param name="Node">The node whose endpoints it may change.</param>
/// <param name="Subject">The subject of the certificate, for the log.</param>
/// <param name="Fingerprint">SHA-256 of the certificate, upper-case hex.</param>
/// <param name="NotAfter">When the first certificate of its chain expires.</param>
internal sealed record ClientIdentity(string Node, string Subject, string Fingerprint, DateTimeOffset NotAfter)
{
    /// <summary>When the first of the revocation lists that cover the chain expires.</summary>
    public DateTimeOffset RevocationKnownUntil { get; init; } = DateTimeOffset.MaxValue;
}
