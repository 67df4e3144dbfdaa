using System.Text.Json;

namespace ACCOffload.Daemon;

/// <summary>The findings of `doctor`: each is ok, doubtful or wrong; a finding that is not ok says what to do.</summary>
public sealed class DoctorReport
{
    private readonly List<(string Level, string What, string Detail, string Remedy)> _findings = [];

    /// <summary>Whether nothing is wrong. Doubtful findings do not count.</summary>
    public bool IsSound => _findings.TrueForAll(f => f.Level != "wrong");

    /// <summary>A requirement is met.</summary>
    public void Right(string what, string detail) => _findings.Add(("ok", what, detail, ""));

    /// <summary>Something works now but may fail, or could not be checked.</summary>
    public void Doubt(string what, string detail, string remedy) => _findings.Add(("doubt", what, detail, remedy));

    /// <summary>A requirement of the service is not met.</summary>
    public void Wrong(string what, string detail, string remedy) => _findings.Add(("wrong", what, detail, remedy));

    /// <summary>Runs one check. An unexpected error becomes a finding, and the other checks run.</summary>
    public void Check(string what, Action check)
    {
        ArgumentNullException.ThrowIfNull(check);
        try
        {
            check();
        }
        catch (Exception e) when (
            e is IOException or UnauthorizedAccessException or InvalidOperationException or System.Net.Sockets.SocketException)
        {
            Wrong(what, ConfigurationError.OneLine(e.Message), "run doctor as root on the machine that it checks");
        }
    }

    /// <summary>Writes a line for each finding with its remedy below, and a summary.</summary>
    public void WriteText(TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        foreach (var (level, what, detail, remedy) in _findings)
        {
            writer.WriteLine($"{level,-6} {what,-14} {detail}");
            if (remedy.Length > 0)
            {
                writer.WriteLine($"{"",-22}→ {remedy}");
            }
        }

        int Count(string level) => _findings.Count(f => f.Level == level);
        writer.WriteLine($"{Count("ok")} ok, {Count("doubt")} doubtful, {Count("wrong")} wrong");
    }

    /// <summary>Writes {"sound": …, "findings": [{"level", "what", "detail", "remedy"}]}.</summary>
    public void WriteJson(Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStartObject();
        writer.WriteBoolean("sound", IsSound);
        writer.WriteStartArray("findings");
        foreach (var (level, what, detail, remedy) in _findings)
        {
            writer.WriteStartObject();
            writer.WriteString("level", level);
            writer.WriteString("what", what);
            writer.WriteString("detail", detail);
            writer.WriteString("remedy", remedy);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    /// <summary>Checks the clock, which decides whether certificates are valid.</summary>
    /// <param name="now">The time.</param>
    /// <param name="notBefore">A time that has certainly passed, such as when the executable was built.</param>
    /// <param name="runtimeFolder">/run, where systemd-timesyncd records that it has reached a server.</param>
    public void CheckClock(DateTimeOffset now, DateTimeOffset notBefore, string runtimeFolder = "/run")
    {
        if (now < notBefore)
        {
            Wrong(
                "clock", $"says {now:u}, before this program was built ({notBefore:u})",
                "set the clock, or give the machine a time server (systemd-timesyncd, chrony)");
        }
        else if (Directory.Exists(Path.Combine(runtimeFolder, "systemd/timesync")) && !File.Exists(Path.Combine(
            runtimeFolder, "systemd/timesync/synchronized")))
        {
            Doubt(
                "clock", $"says {now:u}; systemd-timesyncd has not reached a server",
                "check the network and NTP= in timesyncd.conf: the clock decides whether certificates are valid");
        }
        else
        {
            Right("clock", $"{now:u}");
        }
    }

    /// <summary>Checks when a certificate expires.</summary>
    public void CheckExpiry(string what, string file, DateTimeOffset notAfter, DateTimeOffset now)
    {
        if (notAfter - now < TimeSpan.FromDays(14))
        {
            Doubt(what, $"{file}: valid only until {notAfter:u}", "renew it; the new file is used immediately");
        }
        else
        {
            Right(what, $"{file}: valid until {notAfter:u}");
        }
    }

    /// <summary>Checks that a private key is accessible only to its owner.</summary>
    public void CheckKeyMode(string what, string file)
    {
        var mode = File.GetUnixFileMode(file);
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        if ((mode & Others) != 0)
        {
            Wrong(
                what, $"{file} can be read or written by others (mode {Convert.ToString((int)mode, 8)})",
                $"chmod 0600 {file}, and create a new key if somebody may have read it");
        }
    }

    /// <summary>Checks that a TCP port is reachable.</summary>
    public void CheckReach(string what, string host, int port, TimeSpan limit, string remedy)
    {
        using var client = new System.Net.Sockets.TcpClient();
        try
        {
            using var timeout = new CancellationTokenSource(limit);
            client.ConnectAsync(host, port, timeout.Token).AsTask().GetAwaiter().GetResult();
            Right(what, $"{host}:{port} is reachable");
        }
        catch (Exception e) when (e is System.Net.Sockets.SocketException or OperationCanceledException)
        {
            var reason = e is OperationCanceledException ? $"no answer within {limit.TotalSeconds:0} s" : e.Message;
            Wrong(what, $"{host}:{port} is not reachable ({reason})", remedy);
        }
    }
}
