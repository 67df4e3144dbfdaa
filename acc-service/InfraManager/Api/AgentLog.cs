using ACCOffload.InfraManager.State.Admission;

namespace ACCOffload.InfraManager.Api;

/// <summary>
/// Tracks which agent processes begin epochs, and detects two running at the same time: an agent that lost its epoch to another begins a
/// new one. Memory and log output are bounded.
/// </summary>
internal sealed partial class AgentLog(TimeProvider time, ILogger logger)
{
    private const int MaxSuperseded = 16;
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RivalsPeriod = TimeSpan.FromMinutes(10);

    private readonly ILogger _logger = logger;
    private readonly Lock _lock = new();
    private readonly List<string> _superseded = [];
    private long _loggedAt;
    private long _rivalAt;
    private int _suppressed;
    private bool _hasLogged;
    private string _rivals = "";

    /// <summary>Two agents that took the epoch from each other within the last ten minutes; empty if there are none.</summary>
    public string Rivals
    {
        get
        {
            lock (_lock)
            {
                return _rivals.Length > 0 && time.GetElapsedTime(_rivalAt) < RivalsPeriod ? _rivals : "";
            }
        }
    }

    /// <summary>Records that an agent began an epoch.</summary>
    public void RecordBegin(string agent, BeginOutcome outcome)
    {
        bool rival;
        int suppressed;
        lock (_lock)
        {
            rival = _superseded.Remove(agent) && outcome.PreviousAgent != agent;
            if (outcome.PreviousAgent.Length > 0 && outcome.PreviousAgent != agent && !_superseded.Contains(outcome.PreviousAgent))
            {
                _superseded.Add(outcome.PreviousAgent);
            }

            if (_superseded.Count > MaxSuperseded)
            {
                _superseded.RemoveAt(0);
            }

            if (rival)
            {
                _rivals = $"{agent} and {outcome.PreviousAgent}";
                _rivalAt = time.GetTimestamp();
            }

            if (_hasLogged && time.GetElapsedTime(_loggedAt) < LogInterval)
            {
                _suppressed++;
                return;
            }

            suppressed = _suppressed;
            (_hasLogged, _loggedAt, _suppressed) = (true, time.GetTimestamp(), 0);
        }

        if (rival)
        {
            LogRival(agent, outcome.Epoch, outcome.PreviousAgent, suppressed);
        }
        else
        {
            LogBegan(
                agent, outcome.Epoch, outcome.PreviousAgent.Length > 0 ? outcome.PreviousAgent : "none", outcome.Attachments.Count,
                suppressed);
        }
    }

    [LoggerMessage(EventId = 3020, Level = LogLevel.Information,
        Message = "Agent {Agent} began epoch {Epoch} (previous agent: {Previous}); {Attachments} attachments exist "
            + "({Suppressed} more epochs not logged)")]
    private partial void LogBegan(string agent, ulong epoch, string previous, int attachments, int suppressed);

    [LoggerMessage(EventId = 3021, Level = LogLevel.Warning,
        Message =
            "Two agents use this node's certificate: {Agent} took epoch {Epoch} back from {Previous}; stop one of them, and revoke the "
            + "certificate if one is unknown ({Suppressed} more epochs not logged)")]
    private partial void LogRival(string agent, ulong epoch, string previous, int suppressed);
}
