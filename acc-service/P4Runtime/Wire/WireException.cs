namespace ACCOffload.P4Runtime.Wire;

/// <summary>An answer's bytes make no sense; the message says what.</summary>
internal sealed class WireException(string message) : Exception(message);
