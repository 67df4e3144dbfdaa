namespace ACCOffload.Faithful;

/// <summary>What was asked for kills the process.</summary>
internal sealed class TargetDeathException(string reason) : Exception(reason);
