namespace ACCOffload.FaithfulTarget;

/// <summary>The request crashes the process.</summary>
internal sealed class TargetCrashException(string reason) : Exception(reason);
