using System.Net;

namespace ACCOffload.Metrics;

/// <summary>Address and clients of a <see cref="ScrapeServer"/>.</summary>
/// <param name="Listen">The address.</param>
/// <param name="Source">The configuration's file, for errors.</param>
public sealed record ScrapeOptions(IPEndPoint Listen, string Source)
{
    /// <summary>What each new connection is held to; null: no TLS, which only a loopback address is for. May throw: then the connection is refused.</summary>
    public Func<ScrapeTerms>? Terms { get; init; }

    /// <summary>Told of those that are refused: address, certificate's subject or empty, whether it is about the certificate, and why.</summary>
    public Action<string, string, bool, string> Refused { get; init; } = static (_, _, _, _) => { };
}
