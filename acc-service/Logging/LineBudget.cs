namespace ACCOffload.Logging;

/// <summary>
/// Limits the log lines that peers can cause, by peer and reason: a few different texts in a time window, then only the 10th, 100th,
/// 1,000th, … suppressed line. The total is limited as well, so that many peers cannot fill the journal either. Thread-safe.
/// </summary>
public sealed class LineBudget(TimeProvider time)
{
    /// <summary>Maximum number of different texts written per peer and reason within <see cref="Window"/>.</summary>
    public const int MaxTexts = 5;

    /// <summary>Maximum number of lines written for all peers within <see cref="Window"/>.</summary>
    public const int MaxLines = 500;

    private const int MaxEntries = 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Peer, string Reason), Entry> _entries = [];
    private long _began = time.GetTimestamp();
    private int _lines;
    private long _dropped;

    /// <summary>The time during which a text is not repeated.</summary>
    public static TimeSpan Window { get; } = TimeSpan.FromMinutes(10);

    /// <summary>Decides about one line.</summary>
    /// <param name="peer">Who caused it.</param>
    /// <param name="reason">Why; must not contain anything that the peer chose, because the limit is per peer and reason.</param>
    /// <param name="text">The line.</param>
    public LineDecision Decide(string peer, string reason, string text)
    {
        lock (_lock)
        {
            if (!Admit((peer, reason), text, out var suppressed))
            {
                return default;
            }

            var dropped = 0L;
            if (time.GetElapsedTime(_began) >= Window)
            {
                (_began, _lines, dropped, _dropped) = (time.GetTimestamp(), 0, _dropped, 0);
            }

            if (_lines < MaxLines)
            {
                _lines++;
                return new LineDecision(LineFate.Written, suppressed, dropped);
            }
            return ++_dropped == 1 ? new LineDecision(LineFate.Last, 0, 0) : default;
        }
    }

    private bool Admit((string Peer, string Reason) key, string text, out long suppressed)
    {
        suppressed = 0;
        if (_entries.TryGetValue(key, out var entry) && time.GetElapsedTime(entry.Began) >= Window)
        {
            suppressed = entry.Suppressed;
            _entries.Remove(key);
            entry = null;
        }
        if (entry is null)
        {
            if (_entries.Count >= MaxEntries)
            {
                _entries.Remove(_entries.MinBy(e => e.Value.Began).Key);
            }

            _entries.Add(key, entry = new Entry(time.GetTimestamp()));
        }
        if (entry.Texts.Count < MaxTexts && !entry.Texts.Contains(text))
        {
            entry.Texts.Add(text);
            return true;
        }
        suppressed = ++entry.Suppressed;
        return suppressed >= 10 && IsPowerOfTen(suppressed);
    }

    private static bool IsPowerOfTen(long number)
    {
        while (number % 10 == 0)
        {
            number /= 10;
        }

        return number == 1;
    }

    private sealed class Entry(long began)
    {
        public long Began { get; } = began;

        public List<string> Texts { get; } = [];

        public long Suppressed { get; set; }
    }
}

/// <summary>What to do with a line.</summary>
public enum LineFate
{
    /// <summary>It is only counted.</summary>
    Counted,

    /// <summary>It is written.</summary>
    Written,

    /// <summary>It exceeds the total: a line that says so is written instead.</summary>
    Last,
}

/// <summary>The decision of a <see cref="LineBudget"/> about a line.</summary>
/// <param name="Fate">What to do with it.</param>
/// <param name="Suppressed">How many lines of the same peer and reason were suppressed.</param>
/// <param name="Dropped">How many lines of all peers exceeded the total of the previous window; to be logged first.</param>
public readonly record struct LineDecision(LineFate Fate, long Suppressed, long Dropped);
