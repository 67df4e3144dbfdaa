using ACCOffload.Logging;

namespace ACCOffload.Connections;

/// <summary>Logs refused peers within a <see cref="LineBudget"/>. Text chosen by a peer is escaped and truncated.</summary>
internal sealed partial class RefusalLog(TimeProvider time, ILogger logger)
{
    private const int MaxWhoLength = 120;
    private const int MaxTextLength = 300;

    private readonly ILogger _logger = logger;
    private readonly LineBudget _budget = new(time);

    /// <param name="peer">The address of the client, without the port, which differs each time.</param>
    /// <param name="who">Its identity, such as the subject of its certificate, or empty.</param>
    /// <param name="reason">The category, for the limit per peer and reason.</param>
    /// <param name="text">Why, in words.</param>
    public void Refused(string peer, string who, RefusalReason reason, string text)
    {
        var name = who.Length == 0 ? "no certificate" : ConfigurationError.OneLine(who, MaxWhoLength);
        text = ConfigurationError.OneLine(text, MaxTextLength);
        var verdict = _budget.Decide(peer, reason.ToString(), $"{name} {text}");
        if (verdict.Dropped > 0)
        {
            LogDropped(verdict.Dropped);
        }

        if (verdict.Fate == LineFate.Counted)
        {
            return;
        }

        var level = reason is RefusalReason.Request ? LogLevel.Information : LogLevel.Warning;
        if (verdict.Fate == LineFate.Last)
        {
            LogFull(LineBudget.MaxLines, LineBudget.Window.TotalMinutes);
        }
        else if (reason is RefusalReason.Failure)
        {
            LogFailedAgain(peer, name, text, verdict.Suppressed);
        }
        else if (verdict.Suppressed == 0)
        {
            LogRefused(level, peer, name, text);
        }
        else
        {
            LogRefusedAgain(level, peer, name, text, verdict.Suppressed);
        }
    }

    [LoggerMessage(EventId = 2020, Message = "Refused {Peer} ({Who}): {Reason}")]
    private partial void LogRefused(LogLevel level, string peer, string who, string reason);

    [LoggerMessage(EventId = 2021, Message = "Refused {Peer} ({Who}): {Reason} ({Times} more in the last few minutes were not logged)")]
    private partial void LogRefusedAgain(LogLevel level, string peer, string who, string reason, long times);

    [LoggerMessage(
        EventId = 2024, Level = LogLevel.Error,
        Message = "A request of {Peer} ({Who}) failed again: {Reason} ({Times} more in the last few minutes were not logged)")]
    private partial void LogFailedAgain(string peer, string who, string reason, long times);

    [LoggerMessage(
        EventId = 2022, Level = LogLevel.Warning,
        Message = "{Max} refusals were logged within {Minutes} minutes; further ones are only counted")]
    private partial void LogFull(int max, double minutes);

    [LoggerMessage(EventId = 2023, Level = LogLevel.Warning, Message = "{Count} lines about refusals were not logged")]
    private partial void LogDropped(long count);
}
