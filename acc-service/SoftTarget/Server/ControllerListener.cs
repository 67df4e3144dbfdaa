using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.Configuration;
using ACCOffload.Connections;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace ACCOffload.SoftTarget.Server;

/// <summary>
/// The TCP listeners: with TLS for controllers with an accepted role, without TLS for local clients; connections are limited in both cases.
/// </summary>
internal sealed class ControllerListener : IDisposable
{
    private const string Controllers = "controllers";

    private readonly ConnectionLimits _limits;
    private readonly IReadOnlyList<string> _roles;
    private readonly TlsIdentity? _tls;
    private readonly TlsListener _listener;
    private readonly ConnectionPool _pool;

    /// <exception cref="IOException">A certificate can't be read.</exception>
    public ControllerListener(SoftTargetOptions options, RefusalLog refusals, ILogger logger)
    {
        _limits = options.Limits;
        _roles = options.Tls?.ClientRoles ?? [];
        _tls = options.Tls is null ? null : new TlsIdentity(options.Tls, logger);
        _listener = new TlsListener(_limits, refusals);
        _pool = new ConnectionPool(
            new ConnectionPoolOptions
            {
                MaxPerGroup = _ => _limits.MaxConnections,
                MaxConnections = _limits.MaxConnections,
                Idle = _limits.Idle,
                RequestArrival = _limits.RequestArrival,
            },
            refusals,
            options.TimeProvider);
    }

    public void Apply(ListenOptions listen)
    {
        listen.Protocols = HttpProtocols.Http2;
        if (_tls is { } tls)
        {
            _listener.Apply(listen, _ => Terms(tls), (connection, next) => RunAsync(connection, Controllers, next));
        }
        else
        {
            listen.Use(next => connection => RunAsync(connection, PeerName.GroupOf(connection), next));
        }
    }

    public void Dispose() => _pool.Dispose();

    private Task RunAsync(ConnectionContext connection, string group, ConnectionDelegate next) =>
        _pool.RunAsync(connection, group, "", next);

    private TlsTerms Terms(TlsIdentity tls)
    {
        var files = tls.Current;
        return new TlsTerms(files.Server, files.ChainPolicy(), (certificate, _) => CheckCertificate(certificate, files));
    }

    /// <summary>
    /// Checks a client certificate: null if it is from our authority and has a role that may program the target, else the reason.
    /// </summary>
    private string? CheckCertificate(X509Certificate certificate, TlsFiles files)
    {
        try
        {
            using var leaf = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
            using var chain = new X509Chain { ChainPolicy = files.ChainPolicy() };
            var trusted = chain.Build(leaf);
            var flags = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, s) => all | s.Status);
            foreach (var element in chain.ChainElements)
            {
                element.Certificate.Dispose();
            }

            if (!trusted)
            {
                return $"the certificate is not valid for a client ({flags})";
            }

            var roles = CertificateRoles.Read(leaf);
            return roles.Count switch
            {
                0 => "the certificate has no role in its subject alternative names",
                1 when _roles.Contains(roles[0], StringComparer.Ordinal) => null,
                1 => $"the role {ConfigurationError.OneLine(roles[0])} may not program this target (SoftTarget:ClientRoles)",
                _ => "the certificate has more than one role",
            };
        }
        catch (CryptographicException e)
        {
            return $"the certificate is malformed: {ConfigurationError.OneLine(e.Message)}";
        }
    }
}
