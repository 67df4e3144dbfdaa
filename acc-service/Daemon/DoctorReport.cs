using System.Text.Json;

namespace ACCOffload.Daemon;

/// <summary>What `doctor` looked at: each finding is right, doubtful or wrong; what is not right says what to do.</summary>
public sealed class DoctorReport
{
    private readonly List<(string Level, string What, string Detail, string Remedy)> _findings = [];

    /// <summary>Whether nothing is wrong; a doubt is none.</summary>
    public bool IsSound => _findings.TrueForAll(f => f.Level != "wrong");

    /// <summary>Something is as it has to be.</summary>
    public void Right(string what, string detail) => _findings.Add(("ok", what, detail, ""));

    /// <summary>Something works now, or can't be judged, and may not stay so.</summary>
    public void Doubt(string what, string detail, string remedy) => _findings.Add(("doubt", what, detail, remedy));

    /// <summary>Something that the service needs is not so.</summary>
    public void Wrong(string what, string detail, string remedy) => _findings.Add(("wrong", what, detail, remedy));

    /// <summary>Runs one check; an error that it did not foresee is a finding, and the others go on.</summary>
    public void Check(string what, Action check)
    {
        ArgumentNullException.ThrowIfNull(check);
        try
        {
            check();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException or System.Net.Sockets.SocketException)
        {
            Wrong(what, ConfigurationError.OneLine(e.Message), "run it as root on the machine that it is about");
        }
    }

    /// <summary>A line for each finding, its remedy beneath, and a last line that counts.</summary>
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
        writer.WriteLine($"{_findings.Count(f => f.Level == "ok")} ok, {_findings.Count(f => f.Level == "doubt")} doubtful, {_findings.Count(f => f.Level == "wrong")} wrong");
    }

    /// <summary>{"sound": …, "findings": [{"level", "what", "detail", "remedy"}]}.</summary>
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

    /// <summary>Checks the clock: certificates are judged by it.</summary>
    /// <param name="now">The time.</param>
    /// <param name="notBefore">A time that has passed for sure, such as that of the executable's making.</param>
    /// <param name="runtimeFolder">/run, where systemd-timesyncd notes that it has heard from a server.</param>
    public void CheckClock(DateTimeOffset now, DateTimeOffset notBefore, string runtimeFolder = "/run")
    {
        if (now < notBefore)
        {
            Wrong("clock", $"says {now:u}, before this program was made ({notBefore:u})", "set the clock, or give the machine a time server (systemd-timesyncd, chrony)");
        }
        else if (Directory.Exists(Path.Combine(runtimeFolder, "systemd/timesync")) && !File.Exists(Path.Combine(runtimeFolder, "systemd/timesync/synchronized")))
        {
            Doubt("clock", $"says {now:u}; systemd-timesyncd has not reached a server", "check the network and NTP= in timesyncd.conf: certificates are judged by the clock");
        }
        else
        {
            Right("clock", $"{now:u}");
        }
    }

    /// <summary>Checks a certificate's remaining time.</summary>
    public void CheckExpiry(string what, string file, DateTimeOffset notAfter, DateTimeOffset now)
    {
        if (notAfter - now < TimeSpan.FromDays(14))
        {
            Doubt(what, $"{file}: valid until {notAfter:u} only", "renew it; the new file is used at once");
        }
        else
        {
            Right(what, $"{file}: valid until {notAfter:u}");
        }
    }

    /// <summary>Checks that a private key is its owner's alone.</summary>
    public void CheckKeyMode(string what, string file)
    {
        var mode = File.GetUnixFileMode(file);
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        if ((mode & Others) != 0)
        {
            Wrong(what, $"{file} can be read or written by others (mode {Convert.ToString((int)mode, 8)})", $"chmod 0600 {file}, and make a new key if somebody may have read it");
        }
    }

    /// <summary>Checks that a TCP port is reached.</summary>
    public void CheckReach(string what, string host, int port, TimeSpan limit, string remedy)
    {
        using var client = new System.Net.Sockets.TcpClient();
        try
        {
            using var patience = new CancellationTokenSource(limit);
            client.ConnectAsync(host, port, patience.Token).AsTask().GetAwaiter().GetResult();
            Right(what, $"{host}:{port} is reached");
        }
        catch (Exception e) when (e is System.Net.Sockets.SocketException or OperationCanceledException)
        {
            Wrong(what, $"{host}:{port} is not reached ({(e is OperationCanceledException ? $"no answer within {limit.TotalSeconds:0} s" : e.Message)})", remedy);
        }
    }
}
