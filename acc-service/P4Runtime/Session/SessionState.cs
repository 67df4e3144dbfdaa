namespace ACCOffload.P4Runtime.Session;

/// <summary>Where a session stands with its target.</summary>
public enum SessionState
{
    /// <summary>No stream; the session keeps trying.</summary>
    Disconnected,

    /// <summary>Connected, but another controller is primary: reads work, writes do not.</summary>
    Backup,

    /// <summary>Connected and the one controller that may write.</summary>
    Primary,
}
