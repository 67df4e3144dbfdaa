using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.Metrics;

/// <summary>TLS requirements for a scraper.</summary>
/// <param name="Server">The server's certificate.</param>
/// <param name="ChainPolicy">The policy for the chain of the client.</param>
/// <param name="Judge">Returns null if the certificate of the client is accepted, else why not. The chain contains what the client
/// sent.</param>
public sealed record ScrapeTerms(
    SslStreamCertificateContext Server, X509ChainPolicy ChainPolicy, Func<X509Certificate2, X509Chain?, string?> Judge)
{
    /// <summary>The role in the certificate of a scraper, without the common prefix.</summary>
    public const string ClientRole = "metrics";
}
