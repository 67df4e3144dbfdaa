namespace ACCOffload.P4Runtime.Session;

/// <summary>A change of a session's state.</summary>
/// <param name="Old">The state before.</param>
/// <param name="New">The state now.</param>
/// <param name="Reason">One line: why. Empty for a plain success.</param>
/// <param name="ConnectionId">Counts the connections made, from 1; another number than before means that the target may have restarted in between.</param>
public sealed record SessionStateChange(SessionState Old, SessionState New, string Reason, long ConnectionId);
