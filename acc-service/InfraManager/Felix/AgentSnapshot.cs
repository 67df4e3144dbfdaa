using ACCOffload.InfraManager.State.Policy.Felix.Messages;

namespace ACCOffload.InfraManager.Felix;

/// <summary>
/// When a Felix behind an agent counts as in sync. The agent keeps Felix's InSync message to itself, so the order of the other messages has
/// to tell: Felix sends endpoints only once it knows all of the datastore, one after the other, and each after the policies and sets that
/// it needs. If it is in sync too early here, endpoints that have not been sent are closed until they are.
/// </summary>
internal sealed class AgentSnapshot(TimeProvider time)
{
    /// <summary>All endpoints have been sent when none has come for this long.</summary>
    public static readonly TimeSpan EndpointPause = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The longest time from the first endpoint on: Felix may go on changing endpoints. On a node without endpoints, the time without any
    /// message about policy.
    /// </summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private long? _firstEndpoint;
    private long? _lastEndpoint;
    private long? _last;

    /// <summary>Notes that a message has been taken.</summary>
    public void Note(FelixMessage message)
    {
        var now = time.GetTimestamp();
        if (message is FelixEndpointUpdate)
        {
            _firstEndpoint ??= now;
            _lastEndpoint = now;
        }

        if (message.HasEffect || _last is null)
        {
            _last = now;
        }
    }

    /// <summary>How long until it is complete if nothing more comes; null before the first message.</summary>
    public TimeSpan? Remaining
    {
        get
        {
            if (_lastEndpoint is { } endpoint && _firstEndpoint is { } first)
            {
                var pause = EndpointPause - time.GetElapsedTime(endpoint);
                var limit = Limit - time.GetElapsedTime(first);
                return Positive(pause < limit ? pause : limit);
            }

            return _last is { } last ? Positive(Limit - time.GetElapsedTime(last)) : null;
        }
    }

    private static TimeSpan Positive(TimeSpan span) => span > TimeSpan.Zero ? span : TimeSpan.Zero;
}
