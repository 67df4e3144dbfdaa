using System.Globalization;
using ACCOffload.Integration.Lab;

namespace ACCOffload.Crash.Watch;

/// <summary>What a process holds of the kernel.</summary>
/// <param name="Handles">Open file descriptors.</param>
/// <param name="Threads">Threads.</param>
/// <param name="ResidentKb">Resident memory, in KiB.</param>
internal readonly record struct Vitals(int Handles, int Threads, long ResidentKb)
{
    public static Vitals Of(int pid)
    {
        var status = File.ReadAllLines($"/proc/{pid}/status");
        return new Vitals(
            Directory.GetFileSystemEntries($"/proc/{pid}/fd").Length,
            (int)Number(status, "Threads:"),
            Number(status, "VmRSS:"));
    }

    private static long Number(string[] status, string name) =>
        long.Parse(status.Single(line => line.StartsWith(name, StringComparison.Ordinal)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}

/// <summary>Looks at processes whenever they are at rest. What leaks a little at each disturbance shows as growth over a process's life.</summary>
internal sealed class LeakWatch
{
    private const int WarmUp = 3;
    private const int HandleSlack = 8;

    // The runtime's pool comes and goes by a few.
    private const int ThreadSlack = 16;
    private const long ResidentSlackKb = 96 << 10;

    // Both stores keep their logs within a few MiB; one burst may go beyond until the next checkpoint.
    private const long WalLimit = 8 << 20;

    private readonly Dictionary<int, (string Name, List<Vitals> Seen)> _processes = [];
    private readonly Lock _lock = new();
    private long _largestWal;

    public string? Problem { get; private set; }

    public long LargestWal => _largestWal;

    /// <summary>The longest series of looks at one process of this name.</summary>
    public int LongestLife(string name)
    {
        lock (_lock)
            return _processes.Values.Where(p => p.Name == name).Select(p => p.Seen.Count).DefaultIfEmpty().Max();
    }

    public Vitals? Last(string name)
    {
        lock (_lock)
            return _processes.Values.LastOrDefault(p => p.Name == name).Seen?[^1];
    }

    public void Look(string name, BackgroundProcess? process)
    {
        if (process is null || process.HasExited)
            return;
        var now = Vitals.Of(process.Id);
        lock (_lock)
        {
            if (!_processes.TryGetValue(process.Id, out var life))
                _processes.Add(process.Id, life = (name, []));
            life.Seen.Add(now);
            if (life.Seen.Count <= WarmUp)
                return;
            var before = life.Seen.Take(WarmUp).ToList();
            Check(name, "handles", before.Max(v => v.Handles), now.Handles, HandleSlack, life.Seen.Count);
            Check(name, "threads", before.Max(v => v.Threads), now.Threads, ThreadSlack, life.Seen.Count);
            Check(name, "KiB of memory", before.Max(v => v.ResidentKb), now.ResidentKb, ResidentSlackKb, life.Seen.Count);
        }
    }

    public void LookAtWal(string path)
    {
        var file = new FileInfo(path + "-wal");
        if (!file.Exists)
            return;
        _largestWal = Math.Max(_largestWal, file.Length);
        if (file.Length > WalLimit)
            Problem ??= $"{file.FullName} has {file.Length} bytes, beyond {WalLimit}";
    }

    private void Check(string name, string what, long before, long now, long slack, int looks)
    {
        if (now > before + slack)
            Problem ??= $"{name} has {now} {what}; it had at most {before} in its first {WarmUp} of {looks} rounds";
    }
}
