namespace ACCOffload.Daemon;

/// <summary>
/// The daemon cannot start, for a reason that the operator can fix. The message is one line: what failed, where, why, and the remedy.
/// </summary>
public sealed class StartException(string message, Exception? innerException = null) : Exception(message, innerException);
