namespace ACCOffload.InfraManager.Migration;

/// <summary>The node cannot be taken over, and nothing was changed. The message is one line: what, where, why and what to do.</summary>
internal sealed class MigrationException(string message, Exception? inner = null) : Exception(message, inner);
