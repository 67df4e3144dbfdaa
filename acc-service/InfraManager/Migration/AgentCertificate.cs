using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.InfraManager.Migration;

/// <summary>The client certificate of 24.01's agent. It carries no role, so our side has to know its fingerprint.</summary>
internal static class AgentCertificate
{
    /// <summary>The SHA-256 of the certificate in hex; null if there is no such file, and a remark says what to do.</summary>
    /// <param name="file">The certificate, PEM.</param>
    /// <param name="authorities">The authorities that our API accepts, PEM; need not exist.</param>
    /// <param name="now">The time.</param>
    /// <param name="remarks">Learns what keeps the certificate from being accepted, and when it expires.</param>
    /// <exception cref="MigrationException">The file is not a certificate.</exception>
    public static string? Fingerprint(string file, string authorities, DateTimeOffset now, Remarks remarks)
    {
        if (!File.Exists(file))
        {
            remarks.Add($"{file} does not exist here, so Api:FingerprintRoles is left out, and the agent would be refused: copy its "
                + "certificate here and name it with --agent-certificate");
            return null;
        }

        try
        {
            using var leaf = X509CertificateLoader.LoadCertificateFromFile(file);
            var end = leaf.NotAfter.ToUniversalTime();
            var text = end.ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture);
            remarks.Add(end > now.UtcDateTime
                ? $"the agent's certificate {file} is valid until {text}; the next one has another fingerprint (Api:FingerprintRoles)"
                : $"the agent's certificate {file} expired on {text}: InfraManager refuses it, as 24.01's manager does");
            if (ProblemOf(leaf, authorities, end) is { } problem)
            {
                remarks.Add(
                    $"the agent's certificate {file} is not issued by an authority in {authorities} ({problem}): InfraManager refuses it");
            }

            return leaf.GetCertHashString(HashAlgorithmName.SHA256);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new MigrationException($"{file} cannot be read as a certificate: {e.Message.ReplaceLineEndings(" ")}; give the agent's "
                + "tls.crt with --agent-certificate", e);
        }
    }

    private static string? ProblemOf(X509Certificate2 leaf, string authorities, DateTime end)
    {
        if (!File.Exists(authorities))
        {
            return null;
        }

        var known = new X509Certificate2Collection();
        known.ImportFromPemFile(authorities);
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        // Whether it is in force is told separately.
        chain.ChainPolicy.VerificationTime = end.AddSeconds(-1).ToLocalTime();
        chain.ChainPolicy.CustomTrustStore.AddRange(known);
        return chain.Build(leaf) ? null : chain.ChainStatus.FirstOrDefault().StatusInformation?.Trim();
    }
}
