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

        var (level, outcome) = reason switch
        {
            RefusalReason.Request => (LogLevel.Information, "Refused"),
            RefusalReason.Failure => (LogLevel.Error, "Failed again for"),
            _ => (LogLevel.Warning, "Refused"),
        };
        if (verdict.Fate == LineFate.Last)
        {
            LogFull(LineBudget.MaxLines, LineBudget.Window.TotalMinutes);
        }
        else if (verdict.Suppressed == 0)
        {
            LogRefused(level, outcome, peer, name, text);
        }
        else
        {
            LogRefusedAgain(level, outcome, peer, name, text, verdict.Suppressed);
        }
    }

    [LoggerMessage(EventId = 2020, Message = "{Outcome} {Peer} ({Who}): {Reason}")]
    private partial void LogRefused(LogLevel level, string outcome, string peer, string who, string reason);

    [LoggerMessage(
        EventId = 2021, Message = "{Outcome} {Peer} ({Who}): {Reason} ({Times} more in the last few minutes were not logged)")]
    private partial void LogRefusedAgain(LogLevel level, string outcome, string peer, string who, string reason, long times);

    [LoggerMessage(
        EventId = 2022, Level = LogLevel.Warning,
        Message = "{Max} refusals were logged within {Minutes} minutes; further ones are only counted")]
    private partial void LogFull(int max, double minutes);

    [LoggerMessage(EventId = 2023, Level = LogLevel.Warning, Message = "{Count} lines about refusals were not logged")]
    private partial void LogDropped(long count);
}
