using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.InfraManager.Security;

/// <summary>Loads the certificate files and follows their changes. After an invalid change the last good state stays in force.</summary>
internal sealed partial class TrustStore
{
    private const int MaxFileBytes = 16 << 20;

    private readonly ApiSettings _settings;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private volatile TrustSnapshot _current;
    private byte[] _fingerprint;
    private string? _lastProblem;

    /// <exception cref="CertificateFileException">A file is missing, corrupt or expired.</exception>
    public TrustStore(ApiSettings settings, TimeProvider time, ILogger logger)
    {
        _settings = settings;
        _time = time;
        _logger = logger;
        (_current, _fingerprint) = Load(1);
    }

    public TrustSnapshot Current => _current;

    /// <summary>The file of the server certificate.</summary>
    public string CertificateFile => _settings.CertificateFile;

    /// <summary>
    /// Why the current files are unusable, with the name of the file; empty if they are valid. Meanwhile the last good state is in force.
    /// </summary>
    public string Problem => Volatile.Read(ref _lastProblem) ?? "";

    /// <summary>The files that <see cref="Reload"/> reads.</summary>
    public IReadOnlyList<string> Files =>
        [_settings.CertificateFile, _settings.KeyFile, _settings.CaFile, .. _settings.CrlFile is { } crl ? [crl] : Array.Empty<string>()];

    /// <summary>Raised after <see cref="Current"/> has changed.</summary>
    public event Action? Changed;

    /// <summary>Reads the files again.</summary>
    /// <returns>Whether the files are in force.</returns>
    public bool Reload()
    {
        lock (_lock)
        {
            try
            {
                var (next, fingerprint) = Load(_current.Generation + 1);
                _lastProblem = null;
                if (fingerprint.AsSpan().SequenceEqual(_fingerprint))
                {
                    return true;
                }

                (_current, _fingerprint) = (next, fingerprint);
            }
            catch (CertificateFileException e)
            {
                // Half-written files are soon read again; a persistent problem is logged once.
                if (_lastProblem != e.Message)
                {
                    LogNotReloaded(e.Message);
                }

                _lastProblem = e.Message;
                return false;
            }
            LogReloaded(_current.Generation);
        }
        Changed?.Invoke();
        return true;
    }

    private (TrustSnapshot Snapshot, byte[] Fingerprint) Load(long generation)
    {
        var certificate = Read("Api:CertificateFile", _settings.CertificateFile);
        var key = Read("Api:KeyFile", _settings.KeyFile);
        var authorities = Read("Api:CaFile", _settings.CaFile);
        var revocations = _settings.CrlFile is { } crl ? Read("Api:CrlFile", crl) : null;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in new[] { certificate, key, authorities, revocations ?? [] })
        {
            hash.AppendData(BitConverter.GetBytes(file.Length));
            hash.AppendData(file);
        }
        var snapshot = new TrustSnapshot(
            generation,
            LoadServer(certificate, key),
            LoadAuthorities(authorities),
            revocations is null ? null : LoadRevocations(revocations),
            _settings.FingerprintRoles);
        return (snapshot, hash.GetHashAndReset());
    }

    private SslStreamCertificateContext LoadServer(byte[] certificate, byte[] key)
    {
        var chain = LoadPem("Api:CertificateFile", _settings.CertificateFile, certificate);
        X509Certificate2 server;
        try
        {
            // The files may contain further PEM blocks, as openssl writes them.
            server = X509Certificate2.CreateFromPem(Pem(certificate), Pem(key));
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new CertificateFileException(
                "Api:KeyFile", _settings.KeyFile, $"contains no private key for {_settings.CertificateFile} ({e.Message})",
                "give the certificate's private key as unencrypted PEM");
        }
        var now = _time.GetUtcNow().UtcDateTime;
        if (server.NotAfter.ToUniversalTime() < now)
        {
            throw new CertificateFileException(
                "Api:CertificateFile", _settings.CertificateFile, $"the certificate expired on {server.NotAfter.ToUniversalTime():u}",
                "renew it");
        }

        if (server.NotBefore.ToUniversalTime() > now)
        {
            throw new CertificateFileException(
                "Api:CertificateFile", _settings.CertificateFile,
                $"the certificate is not valid before {server.NotBefore.ToUniversalTime():u}", "check this machine's clock, or wait");
        }

        chain.RemoveAt(0);
        return SslStreamCertificateContext.Create(server, chain, offline: true);
    }

    private X509Certificate2Collection LoadAuthorities(byte[] file)
    {
        var authorities = LoadPem("Api:CaFile", _settings.CaFile, file);
        foreach (var authority in authorities)
        {
            if (!authority.Extensions.OfType<X509BasicConstraintsExtension>().Any(c => c.CertificateAuthority))
            {
                throw new CertificateFileException(
                    "Api:CaFile", _settings.CaFile, $"{authority.Subject} is not an authority",
                    "list the certificates of the authorities that sign the hosts' certificates");
            }
        }
        return authorities;
    }

    private List<RevocationList> LoadRevocations(byte[] file)
    {
        try
        {
            return [.. RevocationList.ReadAll(file)];
        }
        catch (Exception e) when (e is CryptographicException or FormatException)
        {
            throw new CertificateFileException(
                "Api:CrlFile", _settings.CrlFile!, e.Message, "give the authorities' revocation lists, PEM or one in DER");
        }
    }

    private static X509Certificate2Collection LoadPem(string key, string file, byte[] text)
    {
        var collection = new X509Certificate2Collection();
        try
        {
            collection.ImportFromPem(Pem(text));
        }
        catch (CryptographicException e)
        {
            throw new CertificateFileException(key, file, $"is corrupt: {e.Message}", "give a certificate in PEM");
        }
        return collection.Count > 0
            ? collection
            : throw new CertificateFileException(key, file, "contains no certificate", "give a certificate in PEM");
    }

    private static string Pem(byte[] text) => System.Text.Encoding.UTF8.GetString(text);

    private static byte[] Read(string key, string file)
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (stream.Length > MaxFileBytes)
            {
                throw new CertificateFileException(key, file, $"is larger than {MaxFileBytes} bytes", "give a file in PEM");
            }

            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CertificateFileException(key, file, "no such file", "make certificates with 'make certs', or name the right file");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CertificateFileException(
                key, file, $"cannot be read: {e.Message}", "make it readable by the user that runs inframanager");
        }
    }

    [LoggerMessage(EventId = 2001, Level = LogLevel.Information, Message = "Certificates reloaded (generation {Generation})")]
    private partial void LogReloaded(long generation);

    [LoggerMessage(
        EventId = 2002, Level = LogLevel.Error, Message = "Certificates not reloaded, the previous ones stay in force: {Problem}")]
    private partial void LogNotReloaded(string problem);
}
