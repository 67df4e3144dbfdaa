namespace ACCOffload.InfraManager.State.Policy.Felix.Wire;

/// <summary>The connection to Felix cannot go on: its frames are no longer understood. The message is one line.</summary>
internal sealed class FelixStreamException(string message) : Exception(message);
