using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.FileStamps;
using Microsoft.Extensions.Logging;

namespace ACCOffload.SoftTarget.Server;

/// <summary>
/// Certificates for mutual TLS 1.3 from PEM files. Changed files are reloaded; if they can't be read, the last good ones stay in use.
/// </summary>
internal sealed partial class TlsIdentity
{
    private readonly SoftTargetTlsOptions _options;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private CertificateStamp _stamp;
    private TlsFiles _current;

    /// <exception cref="IOException">A file can't be read, contains no certificate or key, or certificate and key don't match.</exception>
    public TlsIdentity(SoftTargetTlsOptions options, ILogger logger)
    {
        _options = options;
        _logger = logger;
        _stamp = Stamp();
        try
        {
            _current = Load();
        }
        catch (CryptographicException e)
        {
            throw new IOException($"{options.CertificateFile}, {options.KeyFile}, {options.CaFile}: {e.Message}", e);
        }
    }

    /// <summary>The certificates for a new connection.</summary>
    public TlsFiles Current
    {
        get
        {
            lock (_lock)
            {
                var stamp = Stamp();
                if (stamp == _stamp)
                {
                    return _current;
                }

                _stamp = stamp;
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

    private CertificateStamp Stamp() => CertificateStamp.Of(_options.CertificateFile, _options.KeyFile, _options.CaFile);

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
            SslStreamCertificateContext.Create(
                X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null), chain, offline: true),
            authorities);
    }

    [LoggerMessage(40, LogLevel.Information, "Reloaded the certificates from {File}")]
    private static partial void LogReloaded(ILogger logger, string file);

    [LoggerMessage(41, LogLevel.Error, "Can't read the changed certificates, keeping the old ones: {Reason}")]
    private static partial void LogReloadFailed(ILogger logger, string reason);
}
