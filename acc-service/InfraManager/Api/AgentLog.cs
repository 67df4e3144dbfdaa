using ACCOffload.InfraManager.State.Admission;

namespace ACCOffload.InfraManager.Api;

/// <summary>
/// Notes which processes begin epochs, and tells when two of them live: then one that had lost its epoch to another comes back for a new one. Bounded, in
/// memory and in what it logs.
/// </summary>
internal sealed partial class AgentLog(TimeProvider time, ILogger logger)
{
    private const int MostKept = 16;
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RivalsFor = TimeSpan.FromMinutes(10);

    private readonly ILogger _logger = logger;
    private readonly Lock _lock = new();
    private readonly List<string> _superseded = [];
    private long _toldAt;
    private long _rivalAt;
    private int _untold;
    private bool _told;
    private string _rivals = "";

    /// <summary>The two agents that took the epoch from each other within the last ten minutes; empty when there were none.</summary>
    public string Rivals
    {
        get
        {
            lock (_lock)
            {
                return _rivals.Length > 0 && time.GetElapsedTime(_rivalAt) < RivalsFor ? _rivals : "";
            }
        }
    }

    public void Began(string agent, BeginOutcome outcome)
    {
        bool rival;
        int untold;
        lock (_lock)
        {
            rival = _superseded.Remove(agent) && outcome.Before != agent;
            if (outcome.Before.Length > 0 && outcome.Before != agent && !_superseded.Contains(outcome.Before))
            {
                _superseded.Add(outcome.Before);
            }

            if (_superseded.Count > MostKept)
            {
                _superseded.RemoveAt(0);
            }

            if (rival)
            {
                _rivals = $"{agent} and {outcome.Before}";
                _rivalAt = time.GetTimestamp();
            }

            if (_told && time.GetElapsedTime(_toldAt) < Quiet)
            {
                _untold++;
                return;
            }

            untold = _untold;
            (_told, _toldAt, _untold) = (true, time.GetTimestamp(), 0);
        }

        if (rival)
        {
            LogRival(agent, outcome.Before, outcome.Epoch, untold);
        }
        else
        {
            LogBegan(agent, outcome.Epoch, outcome.Before.Length > 0 ? outcome.Before : "none", outcome.Held.Count, untold);
        }
    }

    [LoggerMessage(EventId = 3020, Level = LogLevel.Information,
        Message = "Agent {Agent} began epoch {Epoch}; the last one was of {Before}; {Held} attachments are held ({Untold} more epochs began since this was last told)")]
    private partial void LogBegan(string agent, ulong epoch, string before, int held, int untold);

    [LoggerMessage(EventId = 3021, Level = LogLevel.Warning,
        Message = "Two agents use this node's certificate: {Agent} took epoch {Epoch} back from {Before}; stop one of them, and if it is a stranger's, revoke the certificate ({Untold} more epochs began since this was last told)")]
    private partial void LogRival(string agent, string before, ulong epoch, int untold);
}
