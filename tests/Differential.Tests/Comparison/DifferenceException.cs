namespace ACCOffload.Differential.Tests.Comparison;

/// <summary>DPDK and the engine disagree.</summary>
public sealed class DifferenceException(string message) : Exception(message);
