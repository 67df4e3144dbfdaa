namespace ACCOffload.HostStub.Acc;

/// <summary>The ACC can't be reached, is not who it should be, or went away; the message says which.</summary>
internal sealed class AccException(string message) : Exception(message);
