namespace ACCOffload.HostStub.Wire;

/// <summary>Bytes on the agent's socket that are no request or answer.</summary>
internal sealed class FrameException(string message) : Exception(message);
