namespace ACCOffload.Daemon;

/// <summary>
/// The daemon cannot start, for a reason that the operator can remove. The message is one line: what failed, where, why, what to do.
/// </summary>
public sealed class StartException(string message, Exception? innerException = null) : Exception(message, innerException);
