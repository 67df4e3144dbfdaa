namespace ACCOffload.InfraManager.Security;

/// <summary>Tells of each refusal once; the same one again is counted and told at most once in a while, so that a knocking client can't fill the journal.</summary>
internal sealed partial class RefusalLog(TimeProvider time, ILogger logger)
{
    private const int MostKept = 1024;
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(10);

    private readonly ILogger _logger = logger;
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Peer, string Who, string Reason), Entry> _entries = [];

    private sealed class Entry
    {
        public long ToldAt;
        public int Suppressed;
    }

    /// <param name="peer">The client's address without the port, which differs each time.</param>
    /// <param name="who">The certificate's subject, or empty.</param>
    /// <param name="reason">Why.</param>
    public void Refused(string peer, string who, string reason)
    {
        // The client wrote its certificate.
        who = ConfigurationError.OneLine(who);
        var suppressed = 0;
        lock (_lock)
        {
            var key = (peer, who, reason);
            if (_entries.TryGetValue(key, out var entry))
            {
                if (time.GetElapsedTime(entry.ToldAt) < Quiet)
                {
                    entry.Suppressed++;
                    return;
                }
                suppressed = entry.Suppressed;
                entry.Suppressed = 0;
                entry.ToldAt = time.GetTimestamp();
            }
            else
            {
                if (_entries.Count >= MostKept)
                    _entries.Remove(_entries.MinBy(e => e.Value.ToldAt).Key);
                _entries.Add(key, new Entry { ToldAt = time.GetTimestamp() });
            }
        }
        if (suppressed == 0)
            LogRefused(peer, who.Length == 0 ? "no certificate" : who, reason);
        else
            LogRefusedAgain(peer, who.Length == 0 ? "no certificate" : who, reason, suppressed);
    }

    [LoggerMessage(EventId = 2020, Level = LogLevel.Warning, Message = "Refused {Peer} ({Who}): {Reason}")]
    private partial void LogRefused(string peer, string who, string reason);

    [LoggerMessage(EventId = 2021, Level = LogLevel.Warning, Message = "Refused {Peer} ({Who}): {Reason} ({Times} more times since it was last told)")]
    private partial void LogRefusedAgain(string peer, string who, string reason, int times);
}
