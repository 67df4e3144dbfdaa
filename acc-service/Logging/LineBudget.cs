namespace ACCOffload.Logging;

/// <summary>
/// Bounds the lines that peers can cause in the log, by peer and reason: some with different texts in a while, and then only at 10, 100, 1,000, …
/// of those that were not told. There is also a bound on all lines together, so that many peers can't fill the journal either. Thread-safe.
/// </summary>
public sealed class LineBudget(TimeProvider time)
{
    /// <summary>Different texts of one peer and reason that are told within <see cref="Window"/>.</summary>
    public const int MostTexts = 5;

    /// <summary>Lines of all peers within <see cref="Window"/>.</summary>
    public const int MostLines = 500;

    private const int MostKept = 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Peer, string Reason), Entry> _entries = [];
    private long _began = time.GetTimestamp();
    private int _lines;
    private long _untold;

    /// <summary>How long a text is not repeated.</summary>
    public static TimeSpan Window { get; } = TimeSpan.FromMinutes(10);

    /// <summary>Judges one line.</summary>
    /// <param name="peer">Who caused it.</param>
    /// <param name="reason">Why, without anything that the peer chose: the bound is for each peer and reason.</param>
    /// <param name="text">The line.</param>
    public LineVerdict Judge(string peer, string reason, string text)
    {
        lock (_lock)
        {
            if (!Admit((peer, reason), text, out var suppressed))
            {
                return default;
            }

            var untold = 0L;
            if (time.GetElapsedTime(_began) >= Window)
            {
                (_began, _lines, untold, _untold) = (time.GetTimestamp(), 0, _untold, 0);
            }

            if (_lines < MostLines)
            {
                _lines++;
                return new LineVerdict(LineFate.Told, suppressed, untold);
            }
            return ++_untold == 1 ? new LineVerdict(LineFate.Last, 0, 0) : default;
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
            if (_entries.Count >= MostKept)
            {
                _entries.Remove(_entries.MinBy(e => e.Value.Began).Key);
            }

            _entries.Add(key, entry = new Entry(time.GetTimestamp()));
        }
        if (entry.Texts.Count < MostTexts && !entry.Texts.Contains(text))
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
