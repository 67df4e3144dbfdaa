using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.Connections;

/// <summary>What one connection is held to.</summary>
/// <param name="Server">The server's certificate.</param>
/// <param name="ChainPolicy">How the client's chain is built.</param>
/// <param name="Judge">Null when the client's certificate is accepted, else why it is not; the chain has what the client sent.</param>
internal sealed record TlsTerms(SslStreamCertificateContext Server, X509ChainPolicy ChainPolicy, Func<X509Certificate, X509Chain?, string?> Judge);
