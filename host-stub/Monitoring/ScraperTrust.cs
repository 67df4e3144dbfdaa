using System.Security.Cryptography.X509Certificates;
using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Configuration;
using ACCOffload.Http;
using ACCOffload.Metrics;

namespace ACCOffload.HostStub.Monitoring;

/// <summary>
/// Verifies clients that scrape metrics over the network: they need a certificate with the scraper's role, signed by a trusted CA. The
/// files are reloaded when they change.
/// </summary>
internal sealed class ScraperTrust
{
    private const string Role = $"urn:accoffload:role:{MetricsListen.ClientRole}";

    private readonly Lock _lock = new();
    private readonly AccCredentialMemory _memory;
    private AccCredentials _credentials;

    /// <exception cref="AccException">A file can't be used; the message names it.</exception>
    public ScraperTrust(AgentConfig config, TimeProvider time)
    {
        // The same kinds of files as for the ACC, but for the server side of a connection.
        var files = config.Acc with
        {
            CertificateFile = config.Metrics.CertificateFile!,
            KeyFile = config.Metrics.KeyFile!,
            CaFile = config.Metrics.CaFile!,
        };
        _memory = new AccCredentialMemory(files, time);
        _credentials = _memory.Load();
    }

    /// <summary>The requirements for a new connection.</summary>
    /// <exception cref="AccException">Neither the files nor the previous ones can be used.</exception>
    public HttpTerms Terms()
    {
        lock (_lock)
        {
            if (_memory.HasChanged(_credentials.Stamp))
            {
                _credentials = _memory.Load();
            }

            return new HttpTerms(
                _credentials.Client, AccPeerCheck.Policy(_credentials.Authorities, AccPeerCheck.ClientAuthentication), Judge);
        }
    }

    private static string? Judge(X509Certificate2 certificate, X509Chain? chain)
    {
        if (chain is not { ChainStatus.Length: 0 })
        {
            return $"the certificate is not trusted: {AccPeerCheck.Reasons(chain)}";
        }

        return AccPeerCheck.HasRole(certificate, Role) ? null : $"the certificate does not have the role {Role}";
    }
}
