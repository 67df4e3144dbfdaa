using System.Net;
using ACCOffload.Http;

namespace ACCOffload.Metrics;

/// <summary>Address and clients of a <see cref="ScrapeServer"/>.</summary>
/// <param name="Listen">The address.</param>
/// <param name="Source">The configuration file, for errors.</param>
public sealed record ScrapeOptions(IPEndPoint Listen, string Source)
{
    /// <summary>
    /// TLS requirements for each new connection; null for no TLS, which is allowed on loopback addresses only. If it throws, the connection
    /// is refused.
    /// </summary>
    public Func<HttpTerms>? Terms { get; init; }

    /// <summary>
    /// Called for refused connections: address, subject of the certificate or empty, whether the certificate is the reason, and why.
    /// </summary>
    public Action<string, string, bool, string> Refused { get; init; } = static (_, _, _, _) => { };
}
