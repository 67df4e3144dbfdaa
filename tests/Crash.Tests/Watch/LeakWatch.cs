using ACCOffload.TestKit.Processes;

namespace ACCOffload.Crash.Tests.Watch;

/// <summary>Samples processes whenever they are idle. Small leaks show as growth over the lifetime of a process.</summary>
internal sealed class LeakWatch
{
    /// <summary>The window with hostile peers, long enough to include some of their largest requests.</summary>
    public const int HostileMemoryWindow = 12;

    private const int WarmUp = 3;
    private const int HandleSlack = 8;

    // The size of the thread pool varies.
    private const int ThreadSlack = 16;
    private const long ResidentSlackKb = 64 << 10;
    private const long ResidentLimitKb = 256 << 10;

    // Both stores keep their logs within a few MiB; a burst may exceed that until the next checkpoint.
    private const long WalLimit = 8 << 20;

    private readonly Dictionary<int, (string Name, List<ResourceSample> Samples)> _processes = [];
    private readonly Lock _lock = new();
    private long _largestWal;

    /// <summary>
    /// The number of samples in a memory window: the minimum of the last window is compared with the maximum of the first. A large request
    /// grows the heap for a few samples, but a leak raises the minimum as well. With hostile peers the window must be longer.
    /// </summary>
    public int MemoryWindow { get; set; } = 1;

    public string? Problem { get; private set; }

    public long LargestWal => _largestWal;

    /// <summary>The largest number of samples of one process with this name.</summary>
    public int LongestRun(string name)
    {
        lock (_lock)
        {
            return _processes.Values.Where(p => p.Name == name).Select(p => p.Samples.Count).DefaultIfEmpty().Max();
        }
    }

    /// <summary>The last samples: memory, handles, threads.</summary>
    public override string ToString()
    {
        lock (_lock)
        {
            var last = _processes.Values.GroupBy(p => p.Name).Select(g => $"{g.Key} {Text(g.Last().Samples[^1])}");
            return $"{string.Join(", ", last)}, WAL at most {_largestWal >> 10} KiB";
        }
    }

    public void Sample(string name, BackgroundProcess? process)
    {
        if (process is null || process.HasExited)
        {
            return;
        }

        var now = ResourceSample.Of(process.Id);
        lock (_lock)
        {
            if (!_processes.TryGetValue(process.Id, out var history))
            {
                _processes.Add(process.Id, history = (name, []));
            }

            history.Samples.Add(now);
            if (now.ResidentKb > ResidentLimitKb)
            {
                Problem ??= $"{name} has {now.ResidentKb} KiB of memory, more than {ResidentLimitKb}";
            }

            Check(history, WarmUp, 1, "handles", v => v.Handles, HandleSlack);
            Check(history, WarmUp, 1, "threads", v => v.Threads, ThreadSlack);
            Check(history, Math.Max(WarmUp, MemoryWindow), MemoryWindow, "KiB of memory", v => v.ResidentKb, ResidentSlackKb);
        }
    }

    public void CheckWal(string path)
    {
        var file = new FileInfo(path + "-wal");
        if (!file.Exists)
        {
            return;
        }

        _largestWal = Math.Max(_largestWal, file.Length);
        if (file.Length > WalLimit)
        {
            Problem ??= $"{file.FullName} has {file.Length} bytes, more than {WalLimit}";
        }
    }

    private static string Text(ResourceSample v) => $"{v.ResidentKb >> 10} MiB/{v.Handles}/{v.Threads}";

    private void Check((string Name, List<ResourceSample> Samples) history, int warmUp, int window, string what,
        Func<ResourceSample, long> amount, long slack)
    {
        if (history.Samples.Count < warmUp + window)
        {
            return;
        }

        var before = history.Samples.Take(warmUp).Max(amount);
        var now = history.Samples.TakeLast(window).Min(amount);
        if (now > before + slack)
        {
            Problem ??= $"{history.Name} has {now} {what}; at most {before} in the first {warmUp} of {history.Samples.Count} rounds";
        }
    }
}
