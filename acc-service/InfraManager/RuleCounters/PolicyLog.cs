namespace ACCOffload.InfraManager.RuleCounters;

/// <summary>
/// Writes the log of policies whose rules ask for one: a line for each rule that has decided about packets. A flood costs at most one line
/// a minute for each rule, and <see cref="MaxLines"/> a minute in all; what is not written yet is part of a later line. Not thread-safe.
/// </summary>
internal sealed partial class PolicyLog(TimeProvider time, ILogger logger)
{
    /// <summary>The maximum number of lines in <see cref="Interval"/>, besides one that says how much is missing.</summary>
    public const int MaxLines = 32;

    /// <summary>
    /// The maximum number of rules that wait for their line. What others count is only in the line about the missing ones.
    /// </summary>
    public const int MaxRules = 4096;

    private const string BothDirections = "ingress or egress";

    private readonly Dictionary<RuleKey, Entry> _entries = [];
    private long _window = time.GetTimestamp();
    private long _reported = time.GetTimestamp();
    private int _lines;
    private long _lostPackets;

    /// <summary>The time between two lines about a rule.</summary>
    public static TimeSpan Interval { get; } = TimeSpan.FromMinutes(1);

    /// <summary>Writes what is due. Call it after every reading, also without growth.</summary>
    public void Report(IReadOnlyList<RuleGrowth> growths)
    {
        foreach (var growth in growths)
        {
            Add(growth);
        }

        if (time.GetElapsedTime(_window) >= Interval)
        {
            WriteMissing();
            (_window, _lines) = (time.GetTimestamp(), 0);
        }

        var due = _entries.Values.Where(e => e.Packets > 0 && IsDue(e)).OrderByDescending(e => e.Packets).ToList();
        foreach (var entry in due)
        {
            if (_lines < MaxLines)
            {
                Write(entry);
                _lines++;
            }
            else
            {
                entry.IsMissing = true;
            }
        }

        foreach (var (key, entry) in _entries)
        {
            if (entry.Packets == 0 && IsDue(entry))
            {
                _entries.Remove(key);
            }
        }

        _reported = time.GetTimestamp();
    }

    private void Add(RuleGrowth growth)
    {
        if (!_entries.TryGetValue(growth.Key, out var entry))
        {
            if (_entries.Count >= MaxRules)
            {
                _lostPackets += growth.Packets;
                return;
            }

            _entries.Add(growth.Key, entry = new Entry(growth.Key, growth.Rule));
        }

        if (entry.Packets == 0)
        {
            entry.Since = _reported;
        }

        entry.Packets += growth.Packets;
    }

    private bool IsDue(Entry entry) => entry.Written is not { } written || time.GetElapsedTime(written) >= Interval;

    private void Write(Entry entry)
    {
        var direction = entry.Rule.Direction.Length > 0 ? entry.Rule.Direction : BothDirections;
        var seconds = (long)Math.Ceiling(time.GetElapsedTime(entry.Since).TotalSeconds);
        LogPackets(direction, entry.Key.IsAllowed ? "allowed" : "denied", entry.Packets, entry.Rule.Name, seconds);
        entry.Written = time.GetTimestamp();
        entry.Packets = 0;
        entry.IsMissing = false;
    }

    /// <summary>Says at the end of a minute what it had no lines for.</summary>
    private void WriteMissing()
    {
        var (rules, packets) = (0, _lostPackets);
        foreach (var entry in _entries.Values)
        {
            if (entry.IsMissing)
            {
                rules++;
                packets += entry.Packets;
            }
        }

        if (packets > 0)
        {
            LogMissing(packets, rules, MaxLines);
        }

        _lostPackets = 0;
    }

    [LoggerMessage(EventId = 6201, Level = LogLevel.Information,
        Message = "Policy log: {Direction} {Verdict}, {Packets} packets by {Rule} in {Seconds} s")]
    private partial void LogPackets(string direction, string verdict, long packets, string rule, long seconds);

    [LoggerMessage(EventId = 6202, Level = LogLevel.Warning,
        Message = "Policy log: {Packets} packets by {Rules} more rules are not logged yet: at most {Lines} lines are written in a minute")]
    private partial void LogMissing(long packets, int rules, int lines);

    /// <summary>A rule with packets that are not written yet, or with a line in the last minute.</summary>
    private sealed class Entry(RuleKey key, CountedRule rule)
    {
        public RuleKey Key { get; } = key;

        public CountedRule Rule { get; } = rule;

        public long Packets { get; set; }

        /// <summary>The reading before the first of <see cref="Packets"/>.</summary>
        public long Since { get; set; }

        public long? Written { get; set; }

        /// <summary>It was due, and there was no line left.</summary>
        public bool IsMissing { get; set; }
    }
}
