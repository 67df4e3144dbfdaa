using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.Metrics;

/// <summary>What a scraper's TLS connection is held to.</summary>
/// <param name="Server">The server's certificate.</param>
/// <param name="ChainPolicy">How the client's chain is built.</param>
/// <param name="Judge">Null when the client's certificate is accepted, else why it is not; the chain has what the client sent.</param>
public sealed record ScrapeTerms(SslStreamCertificateContext Server, X509ChainPolicy ChainPolicy, Func<X509Certificate2, X509Chain?, string?> Judge)
{
    /// <summary>The role of a scraper's certificate, without the prefix that all roles have.</summary>
    public const string ClientRole = "metrics";
}
