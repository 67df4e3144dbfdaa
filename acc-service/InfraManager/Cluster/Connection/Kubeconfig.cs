using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.InfraManager.Cluster.Connection;

/// <summary>What a kubeconfig says of the current context, read and checked.</summary>
/// <param name="Servers">Addresses of API servers, tried in turn; https, with a trailing slash.</param>
/// <param name="TlsServerName">The name in the servers' certificates; null for the address's host.</param>
/// <param name="Authorities">Who signs the servers' certificates; null for the system's authorities.</param>
/// <param name="ClientCertificate">With its private key, and the intermediates behind it; null for none.</param>
/// <param name="Intermediates">Sent with the client's certificate.</param>
/// <param name="Token">The bearer token; null for none.</param>
/// <param name="TokenFile">Where the token is read again; null when it is in the kubeconfig itself.</param>
/// <param name="Stamp">Equal for equal contents of all files but the token's.</param>
internal sealed record Kubeconfig(
    IReadOnlyList<Uri> Servers,
    string? TlsServerName,
    X509Certificate2Collection? Authorities,
    X509Certificate2? ClientCertificate,
    X509Certificate2Collection Intermediates,
    string? Token,
    string? TokenFile,
    string Stamp);

/// <summary>The kubeconfig can't be used. One line: file, entry, why, what to do.</summary>
internal sealed class KubeconfigException(string file, string entry, string reason, string remedy)
    : Exception(entry.Length == 0 ? $"{file}: {reason}; {remedy}" : $"{file}: {entry}: {reason}; {remedy}")
{
    /// <summary>There is no such file: perhaps not yet.</summary>
    public bool IsMissing { get; init; }
}
