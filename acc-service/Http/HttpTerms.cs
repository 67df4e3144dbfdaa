using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.Http;

/// <summary>TLS requirements for a client.</summary>
/// <param name="Server">The server's certificate.</param>
/// <param name="ChainPolicy">The chain policy for client certificates.</param>
/// <param name="Judge">Returns null if the client's certificate is accepted, otherwise the reason for the refusal. The chain contains the
/// certificates that the client sent.</param>
public sealed record HttpTerms(
    SslStreamCertificateContext Server, X509ChainPolicy ChainPolicy, Func<X509Certificate2, X509Chain?, string?> Judge);
