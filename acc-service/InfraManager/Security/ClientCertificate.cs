using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.InfraManager.Security;

/// <summary>What a client presented, kept so that it can be judged again after the trust has changed.</summary>
/// <param name="Leaf">Its certificate, DER.</param>
/// <param name="Others">The other certificates that it sent, DER.</param>
internal sealed record ClientCertificate(byte[] Leaf, IReadOnlyList<byte[]> Others)
{
    /// <summary>More intermediates than any real hierarchy has; the rest is not looked at.</summary>
    private const int MostOthers = 8;

    public static ClientCertificate From(X509Certificate certificate, X509Chain? chain)
    {
        var others = chain?.ChainPolicy.ExtraStore.Take(MostOthers).Select(c => c.RawData).ToArray() ?? [];
        return new ClientCertificate(certificate.GetRawCertData(), others);
    }
}
