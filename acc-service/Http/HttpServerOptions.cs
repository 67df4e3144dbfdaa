using System.Net;

namespace ACCOffload.Http;

/// <summary>Address, clients and answers of an <see cref="HttpServer"/>.</summary>
/// <param name="Listen">The address.</param>
/// <param name="Answer">Answers a request; null for a request that is not HTTP/1. Called by several connections at once.</param>
public sealed record HttpServerOptions(IPEndPoint Listen, Func<HttpRequestHead?, CancellationToken, ValueTask<HttpAnswer>> Answer)
{
    /// <summary>Maximum number of connections. Beyond it, the address with the most connections loses its oldest one.</summary>
    public int MaxConnections { get; init; } = 16;

    /// <summary>TLS requirements for each new connection; null for no TLS. If it throws, the connection is refused.</summary>
    public Func<HttpTerms>? Terms { get; init; }

    /// <summary>
    /// Called for refused connections: address, subject of the certificate or empty, whether the certificate is the reason, and why.
    /// </summary>
    public Action<string, string, bool, string> Refused { get; init; } = static (_, _, _, _) => { };

    /// <summary>Called if connections can't be accepted, with the reason.</summary>
    public Action<string> NotAccepted { get; init; } = static _ => { };
}
