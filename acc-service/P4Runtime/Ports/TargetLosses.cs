namespace ACCOffload.P4Runtime.Ports;

/// <summary>What a target of our own kind says of itself beside its pipeline's counters. Counts are since its start.</summary>
/// <param name="PortFault">Why no port's link can be opened; empty while they can be.</param>
/// <param name="PortsDown">Ports without a link.</param>
/// <param name="Frames">Frames lost outside the pipeline's counters, by reason: truncated, no-headroom, endless, faulted, unroutable.</param>
/// <param name="NotLearned">How often a table had no room for a new flow, by the table's name.</param>
public sealed record TargetLosses(string PortFault, ulong PortsDown, IReadOnlyDictionary<string, ulong> Frames, IReadOnlyDictionary<string, ulong> NotLearned);
