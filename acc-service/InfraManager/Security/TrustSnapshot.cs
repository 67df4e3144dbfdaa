using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Security;

/// <summary>The server's certificate and its trust, as read from the files at one point in time.</summary>
internal sealed class TrustSnapshot
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2Collection _authorities;
    private readonly IReadOnlyList<RevocationList>? _revocations;
    private readonly IReadOnlyDictionary<string, string> _fingerprintRoles;

    public TrustSnapshot(
        long generation,
        SslStreamCertificateContext server,
        X509Certificate2Collection authorities,
        IReadOnlyList<RevocationList>? revocations,
        IReadOnlyDictionary<string, string> fingerprintRoles)
    {
        Generation = generation;
        Server = server;
        _authorities = authorities;
        _revocations = revocations;
        _fingerprintRoles = fingerprintRoles;
    }

    /// <summary>Increases with each change of the files.</summary>
    public long Generation { get; }

    /// <summary>The server's certificate with its chain.</summary>
    public SslStreamCertificateContext Server { get; }

    /// <summary>When the certificate of the server expires.</summary>
    public DateTimeOffset NotAfter => Server.TargetCertificate.NotAfter.ToUniversalTime();

    /// <summary>The policy for chains: only the configured authorities are trusted, and nothing is fetched over the network.</summary>
    public X509ChainPolicy ChainPolicy(DateTimeOffset now)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            VerificationTime = now.LocalDateTime,
        };
        policy.CustomTrustStore.AddRange(_authorities);
        policy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        return policy;
    }

    /// <summary>Checks the certificate of a host.</summary>
    /// <returns>The identity, or null and the reason for the refusal.</returns>
    public ClientIdentity? Judge(ClientCertificate presented, DateTimeOffset now, out string? refusal) =>
        Judge(presented, now, Identify, out refusal);

    /// <summary>Checks the certificate and role of a client that is not a host.</summary>
    /// <returns>Null, or the reason for the refusal.</returns>
    public string? RefusalOf(ClientCertificate presented, string role, DateTimeOffset now)
    {
        _ = Judge(presented, now, Has, out var refusal);
        return refusal;

        ClientIdentity? Has(X509Certificate2 leaf, DateTimeOffset notAfter, out string? refusal)
        {
            var roles = CertificateRoles.Read(leaf);
            refusal = roles is [var only] && only == role
                ? null
                : $"the certificate's role is {Name(roles)}, not {role}";
            return null;
        }
    }

    private static string Name(IReadOnlyList<string> roles) =>
        roles.Count == 0 ? "none" : ConfigurationError.OneLine(string.Join(", ", roles));

    private delegate ClientIdentity? Identification(X509Certificate2 leaf, DateTimeOffset notAfter, out string? refusal);

    private ClientIdentity? Judge(ClientCertificate presented, DateTimeOffset now, Identification identify, out string? refusal)
    {
        try
        {
            using var leaf = X509CertificateLoader.LoadCertificate(presented.Leaf);
            using var chain = new X509Chain { ChainPolicy = ChainPolicy(now) };
            foreach (var other in presented.Others)
            {
                chain.ChainPolicy.ExtraStore.Add(X509CertificateLoader.LoadCertificate(other));
            }

            try
            {
                var trusted = chain.Build(leaf);
                var listed = DateTimeOffset.MaxValue;
                refusal = (trusted ? null : Explain(chain, leaf, now)) ?? CheckUsage(leaf) ?? CheckRevocation(chain, now, out listed);
                if (refusal is not null)
                {
                    return null;
                }

                var notAfter = chain.ChainElements.Min(e => new DateTimeOffset(e.Certificate.NotAfter));
                return identify(leaf, notAfter, out refusal) is { } identity ? identity with { RevocationKnownUntil = listed } : null;
            }
            finally
            {
                foreach (var element in chain.ChainElements)
                {
                    element.Certificate.Dispose();
                }

                foreach (var other in chain.ChainPolicy.ExtraStore)
                {
                    other.Dispose();
                }
            }
        }
        catch (CryptographicException e)
        {
            refusal = $"the certificate is malformed: {e.Message}";
            return null;
        }
    }

    private ClientIdentity? Identify(X509Certificate2 leaf, DateTimeOffset notAfter, out string? refusal)
    {
        refusal = null;
        var fingerprint = leaf.GetCertHashString(HashAlgorithmName.SHA256);
        if (!_fingerprintRoles.TryGetValue(fingerprint, out var node))
        {
            var roles = CertificateRoles.Read(leaf);
            if (roles.Count == 0)
            {
                refusal = "the certificate has no role in its subject alternative names, "
                    + $"and Api:FingerprintRoles has none for {fingerprint}";
            }
            else if (roles.Count > 1)
            {
                refusal = "the certificate has more than one role";
            }
            else if (!roles[0].StartsWith(CertificateRoles.Host, StringComparison.Ordinal))
            {
                refusal = $"the role {ConfigurationError.OneLine(roles[0])} may not use this API";
            }
            else if (!NodeName.IsValid(node = roles[0][CertificateRoles.Host.Length..]))
            {
                refusal = $"the role {ConfigurationError.OneLine(roles[0])} does not name a valid node";
            }

            if (refusal is not null)
            {
                return null;
            }
        }
        return new ClientIdentity(node!, leaf.Subject, fingerprint, notAfter);
    }

    private static string? CheckUsage(X509Certificate2 leaf)
    {
        var usage = leaf.Extensions.OfType<X509KeyUsageExtension>().FirstOrDefault();
        if (usage is not null && !usage.KeyUsages.HasFlag(X509KeyUsageFlags.DigitalSignature))
        {
            return "the certificate's key usage does not allow signatures";
        }

        return leaf.Extensions.OfType<X509BasicConstraintsExtension>().Any(c => c.CertificateAuthority)
            ? "the certificate is a CA certificate"
            : null;
    }

    /// <summary>
    /// Checks each certificate of the chain against the list of its issuer. If lists are configured, an issuer without a current one is not
    /// trusted.
    /// </summary>
    /// <param name="chain">The chain.</param>
    /// <param name="now">The current time.</param>
    /// <param name="until">When the first of these lists expires.</param>
    private string? CheckRevocation(X509Chain chain, DateTimeOffset now, out DateTimeOffset until)
    {
        until = DateTimeOffset.MaxValue;
        if (_revocations is null)
        {
            return null;
        }

        for (var i = 0; i + 1 < chain.ChainElements.Count; i++)
        {
            var certificate = chain.ChainElements[i].Certificate;
            var issuer = chain.ChainElements[i + 1].Certificate;
            var lists = _revocations.Where(l => l.IsSignedBy(issuer)).ToList();
            if (lists.Count == 0)
            {
                return $"there is no revocation list of {issuer.Subject}";
            }

            if (lists.Any(l => l.Contains(certificate)))
            {
                return i == 0 ? "the certificate is revoked" : $"the certificate of {certificate.Subject} is revoked";
            }

            var end = lists.Max(l => l.NextUpdate ?? DateTimeOffset.MaxValue);
            if (end < now)
            {
                return $"the revocation list of {issuer.Subject} expired on {end:u}";
            }

            until = end < until ? end : until;
        }
        return null;
    }

    private static string Explain(X509Chain chain, X509Certificate2 leaf, DateTimeOffset now)
    {
        if (leaf.NotAfter.ToUniversalTime() < now.UtcDateTime)
        {
            return $"the certificate expired on {leaf.NotAfter.ToUniversalTime():u}";
        }

        if (leaf.NotBefore.ToUniversalTime() > now.UtcDateTime)
        {
            return $"the certificate is not valid before {leaf.NotBefore.ToUniversalTime():u}";
        }

        var flags = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, s) => all | s.Status);
        if ((flags & (X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot)) != 0)
        {
            return $"the certificate's issuer ({leaf.Issuer}) is not trusted by Api:CaFile";
        }

        return flags.HasFlag(X509ChainStatusFlags.NotValidForUsage)
            ? "the certificate is not for client authentication"
            : $"the certificate's chain is not valid ({flags})";
    }
}
