using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;

namespace ACCOffload.Daemon.Support;

/// <summary>
/// Collects what helps to understand a machine's problem in a tar.gz archive: configuration, state, logs. No private key and no token is in
/// it. What cannot be collected is an entry that says why.
/// </summary>
public sealed class SupportBundle : IAsyncDisposable
{
    private const int MaxFileBytes = 4 << 20;
    private const UnixFileMode FileMode600 = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly GZipStream _compressed;
    private readonly TarWriter _archive;
    private readonly string _folder;
    private readonly TimeProvider _time;
    private readonly CancellationToken _cancel;

    /// <param name="stream">Where the archive goes; it stays open.</param>
    /// <param name="name">The name of the folder in the archive.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancel">Ends the collection.</param>
    public SupportBundle(Stream stream, string name, TimeProvider time, CancellationToken cancel)
    {
        _compressed = new GZipStream(stream, CompressionLevel.Optimal, leaveOpen: true);
        _archive = new TarWriter(_compressed, TarEntryFormat.Pax, leaveOpen: true);
        (_folder, _time, _cancel) = (name, time, cancel);
    }

    /// <summary>The name of a bundle that is made now: program, machine, time in UTC.</summary>
    public static string NameOf(string program, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        var now = time.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        return $"{program}-support-{Environment.MachineName}-{now}";
    }

    /// <summary>Creates the file of a bundle, readable for its owner only.</summary>
    /// <exception cref="IOException">It exists, or cannot be created.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    public static FileStream CreateFile(string path) => new(
        path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = FileMode600 });

    /// <summary>Adds text, without what must stay secret.</summary>
    public async Task AddTextAsync(string name, string text)
    {
        string filtered;
        try
        {
            filtered = SecretFilter.Apply(text);
        }
        catch (RegexMatchTimeoutException)
        {
            filtered = "left out: it could not be searched for secrets in time\n";
        }

        var entry = new PaxTarEntry(TarEntryType.RegularFile, $"{_folder}/{name}")
        {
            Mode = FileMode600,
            ModificationTime = _time.GetUtcNow(),
            DataStream = new MemoryStream(Encoding.UTF8.GetBytes(filtered)),
        };
        await _archive.WriteEntryAsync(entry, _cancel);
    }

    /// <summary>Adds what a program prints.</summary>
    public async Task AddProgramAsync(string name, string program, params string[] arguments) =>
        await AddTextAsync(name, await SupportProgram.RunAsync(program, arguments, _cancel));

    /// <summary>Adds what a command of this executable prints.</summary>
    public Task AddCommandAsync(string name, params string[] arguments) => AddProgramAsync(name, Environment.ProcessPath!, arguments);

    /// <summary>Adds a text file, at most 4 MiB of it.</summary>
    public async Task AddFileAsync(string name, string path)
    {
        string text;
        try
        {
            await using var file = File.OpenRead(path);
            var bytes = new byte[MaxFileBytes];
            var length = await file.ReadAtLeastAsync(bytes, MaxFileBytes, throwOnEndOfStream: false, _cancel);
            text = Encoding.UTF8.GetString(bytes, 0, length) + (length == MaxFileBytes ? "\n(the rest is left out)\n" : "");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            text = $"not available: {path}: {e.Message}\n";
        }

        await AddTextAsync(name, text);
    }

    /// <summary>Adds what is public of certificates: names, validity, fingerprints, and the mode of each file.</summary>
    /// <param name="name">The entry's name.</param>
    /// <param name="files">Files of certificates in PEM; empty paths are skipped.</param>
    public Task AddCertificatesAsync(string name, IEnumerable<string?> files)
    {
        var text = new StringBuilder();
        foreach (var file in files.OfType<string>().Where(f => f.Length > 0).Distinct(StringComparer.Ordinal))
        {
            text.Append(Describe(file));
        }

        return AddTextAsync(name, text.ToString());
    }

    /// <summary>Adds what every machine has: system, units, logs of a day, addresses, links, routes.</summary>
    /// <param name="units">The systemd units of the product.</param>
    public async Task AddMachineAsync(params string[] units)
    {
        await AddFileAsync("system/os-release.txt", "/etc/os-release");
        await AddProgramAsync("system/uname.txt", "uname", "-a");
        await AddFileAsync("system/uptime.txt", "/proc/uptime");
        await AddFileAsync("system/meminfo.txt", "/proc/meminfo");
        await AddFileAsync("system/loadavg.txt", "/proc/loadavg");
        await AddProgramAsync("system/disk.txt", "df", "-h");
        await AddProgramAsync("system/clock.txt", "timedatectl", "show");
        await AddProgramAsync("network/links.json", "ip", "-s", "-d", "-j", "link");
        await AddProgramAsync("network/addresses.json", "ip", "-j", "address");
        await AddProgramAsync("network/routes.json", "ip", "-j", "route", "show", "table", "all");
        await AddProgramAsync("network/neighbors.json", "ip", "-j", "neighbor");
        await AddProgramAsync("network/namespaces.json", "ip", "-j", "netns");
        await AddProgramAsync("systemd/status.txt", "systemctl", ["status", "--no-pager", "--full", "--lines=0", .. units]);
        await AddProgramAsync("systemd/failed.txt", "systemctl", "list-units", "--failed", "--no-pager", "--plain");
        foreach (var unit in units)
        {
            await AddProgramAsync(
                $"logs/{unit}.txt", "journalctl", "--unit", unit, "--since", "-24h", "--lines", "20000", "--no-pager", "--output",
                "short-iso-precise");
        }
    }

    /// <summary>Completes the archive.</summary>
    public async ValueTask DisposeAsync()
    {
        await _archive.DisposeAsync();
        await _compressed.DisposeAsync();
    }

    private static string Describe(string file)
    {
        var text = new StringBuilder($"{file}\n");
        try
        {
            text.Append(CultureInfo.InvariantCulture, $"  mode {Convert.ToString((int)File.GetUnixFileMode(file), 8)}\n");
            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPemFile(file);
            foreach (var certificate in certificates)
            {
                var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
                    .SelectMany(e => e.EnumerateDnsNames().Concat(e.EnumerateIPAddresses().Select(a => a.ToString())));
                text.Append(CultureInfo.InvariantCulture, $"""
                      subject {certificate.Subject}; issuer {certificate.Issuer}
                        valid {certificate.NotBefore.ToUniversalTime():u} to {certificate.NotAfter.ToUniversalTime():u}
                        names {string.Join(' ', names)}
                        SHA-256 {certificate.GetCertHashString(HashAlgorithmName.SHA256)}

                    """);
                certificate.Dispose();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            text.Append(CultureInfo.InvariantCulture, $"  not available: {e.Message}\n");
        }

        return text.ToString();
    }
}
