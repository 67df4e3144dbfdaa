using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;

namespace ACCOffload.SoftTarget.Server;

/// <summary>
/// TLS 1.3 with client certificates, from PEM files. They are read anew when they changed; files that can't be read leave the
/// last good ones in place.
/// </summary>
internal sealed partial class TlsIdentity
{
    private readonly SoftTargetTlsOptions _options;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private (DateTime, DateTime, DateTime) _stamps;
    private TlsFiles _current;

    /// <exception cref="IOException">A file can't be read, or holds no certificate or key, or they don't belong together.</exception>
    public TlsIdentity(SoftTargetTlsOptions options, ILogger logger)
    {
        _options = options;
        _logger = logger;
        _stamps = Stamps();
        try
        {
            _current = Load();
        }
        catch (CryptographicException e)
        {
            throw new IOException($"{options.CertificateFile}, {options.KeyFile}, {options.CaFile}: {e.Message}", e);
        }
    }

    /// <summary>What a new connection is held to.</summary>
    public TlsFiles Current
    {
        get
        {
            lock (_lock)
            {
                var stamps = Stamps();
                if (stamps == _stamps)
                {
                    return _current;
                }

                _stamps = stamps;
                try
                {
                    _current = Load();
                    LogReloaded(_logger, _options.CertificateFile);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
                {
                    LogReloadFailed(_logger, e.Message);
                }

                return _current;
            }
        }
    }

    private (DateTime Certificate, DateTime Key, DateTime Ca) Stamps()
        => (File.GetLastWriteTimeUtc(_options.CertificateFile),
            File.GetLastWriteTimeUtc(_options.KeyFile),
            File.GetLastWriteTimeUtc(_options.CaFile));

    private TlsFiles Load()
    {
        using var pem = X509Certificate2.CreateFromPemFile(_options.CertificateFile, _options.KeyFile);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_options.CertificateFile);
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(_options.CaFile);
        if (authorities.Count == 0)
        {
            throw new CryptographicException($"{_options.CaFile}: no certificate");
        }

        return new TlsFiles(
            SslStreamCertificateContext.Create(X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null), chain, offline: true),
            authorities);
    }

    [LoggerMessage(40, LogLevel.Information, "Certificates read anew from {File}")]
    private static partial void LogReloaded(ILogger logger, string file);

    [LoggerMessage(41, LogLevel.Error, "Changed certificates can't be read, the old ones stay in use: {Reason}")]
    private static partial void LogReloadFailed(ILogger logger, string reason);
}
