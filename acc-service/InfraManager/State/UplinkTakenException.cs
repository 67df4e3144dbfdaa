namespace ACCOffload.InfraManager.State;

/// <summary>What the configured uplink needs is an attachment's.</summary>
internal sealed class UplinkTakenException(string message) : Exception(message);
