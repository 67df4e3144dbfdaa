using ACCOffload.Integration.Lab;

namespace ACCOffload.Crash.Watch;

/// <summary>Looks at processes whenever they are at rest. What leaks a little at each disturbance shows as growth over a process's life.</summary>
internal sealed class LeakWatch
{
    /// <summary>The window beside hostile peers: some of their largest requests fall into it.</summary>
    public const int HostileMemoryWindow = 12;

    private const int WarmUp = 3;
    private const int HandleSlack = 8;

    // The runtime's pool comes and goes by a few.
    private const int ThreadSlack = 16;
    private const long ResidentSlackKb = 64 << 10;
    private const long ResidentLimitKb = 256 << 10;

    // Both stores keep their logs within a few MiB; one burst may go beyond until the next checkpoint.
    private const long WalLimit = 8 << 20;

    private readonly Dictionary<int, (string Name, List<Vitals> Seen)> _processes = [];
    private readonly Lock _lock = new();
    private long _largestWal;

    /// <summary>
    /// How many looks make a window for memory: the least of the last window is compared with the most of the first. A large request makes the heap
    /// swell for a few looks, so one look says little; a leak raises the least as well. With hostile peers there have to be more looks in a window.
    /// </summary>
    public int MemoryWindow { get; set; } = 1;

    public string? Problem { get; private set; }

    public long LargestWal => _largestWal;

    /// <summary>The longest series of looks at one process of this name.</summary>
    public int LongestLife(string name)
    {
        lock (_lock)
        {
            return _processes.Values.Where(p => p.Name == name).Select(p => p.Seen.Count).DefaultIfEmpty().Max();
        }
    }

    /// <summary>The processes as last looked at: memory, handles, threads.</summary>
    public override string ToString()
    {
        lock (_lock)
        {
            var last = _processes.Values.GroupBy(p => p.Name).Select(g => $"{g.Key} {Text(g.Last().Seen[^1])}");
            return $"{string.Join(", ", last)}, WAL at most {_largestWal >> 10} KiB";
        }
    }

    public void Look(string name, BackgroundProcess? process)
    {
        if (process is null || process.HasExited)
        {
            return;
        }

        var now = Vitals.Of(process.Id);
        lock (_lock)
        {
            if (!_processes.TryGetValue(process.Id, out var life))
            {
                _processes.Add(process.Id, life = (name, []));
            }

            life.Seen.Add(now);
            if (now.ResidentKb > ResidentLimitKb)
            {
                Problem ??= $"{name} has {now.ResidentKb} KiB of memory, beyond {ResidentLimitKb}";
            }

            Check(life, WarmUp, 1, "handles", v => v.Handles, HandleSlack);
            Check(life, WarmUp, 1, "threads", v => v.Threads, ThreadSlack);
            Check(life, Math.Max(WarmUp, MemoryWindow), MemoryWindow, "KiB of memory", v => v.ResidentKb, ResidentSlackKb);
        }
    }

    public void LookAtWal(string path)
    {
        var file = new FileInfo(path + "-wal");
        if (!file.Exists)
        {
            return;
        }

        _largestWal = Math.Max(_largestWal, file.Length);
        if (file.Length > WalLimit)
        {
            Problem ??= $"{file.FullName} has {file.Length} bytes, beyond {WalLimit}";
        }
    }

    private static string Text(Vitals v) => $"{v.ResidentKb >> 10} MiB/{v.Handles}/{v.Threads}";

    private void Check((string Name, List<Vitals> Seen) life, int warmUp, int window, string what, Func<Vitals, long> amount, long slack)
    {
        if (life.Seen.Count < warmUp + window)
        {
            return;
        }

        var before = life.Seen.Take(warmUp).Max(amount);
        var now = life.Seen.TakeLast(window).Min(amount);
        if (now > before + slack)
        {
            Problem ??= $"{life.Name} has {now} {what}; it had at most {before} in its first {warmUp} of {life.Seen.Count} rounds";
        }
    }
}
