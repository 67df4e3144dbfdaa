using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.Connections;

/// <summary>TLS requirements for one connection.</summary>
/// <param name="Server">The server's certificate.</param>
/// <param name="ChainPolicy">The policy for the chain of the client.</param>
/// <param name="Judge">Returns null if the certificate of the client is accepted, else why not. The chain contains what the client
/// sent.</param>
internal sealed record TlsTerms(
    SslStreamCertificateContext Server, X509ChainPolicy ChainPolicy, Func<X509Certificate, X509Chain?, string?> Judge);
