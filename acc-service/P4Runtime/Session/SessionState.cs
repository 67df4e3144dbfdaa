namespace ACCOffload.P4Runtime.Session;

/// <summary>State of a session with its target.</summary>
public enum SessionState
{
    /// <summary>No stream; the session keeps trying.</summary>
    Disconnected,

    /// <summary>Connected, but another controller is primary: reads work, writes do not.</summary>
    Backup,

    /// <summary>Connected as the primary: the one controller that may write.</summary>
    Primary,
}

/// <summary>A change of a session's state.</summary>
/// <param name="Old">The previous state.</param>
/// <param name="New">The new state.</param>
/// <param name="Reason">The reason in one line; empty on success.</param>
/// <param name="ConnectionId">Number of the connection, from 1; a new number means that the target may have restarted in between.</param>
public sealed record SessionStateChange(SessionState Old, SessionState New, string Reason, long ConnectionId);

/// <summary>Result of <see cref="P4RuntimeSession.EnsurePipelineAsync"/>.</summary>
/// <param name="Pushed">Whether the pipeline was pushed, which empties the tables.</param>
/// <param name="FoundCookie">The previous cookie of the target; 0 if its pipeline had none; null if no pipeline was loaded.</param>
public readonly record struct PipelineCheck(bool Pushed, ulong? FoundCookie);
