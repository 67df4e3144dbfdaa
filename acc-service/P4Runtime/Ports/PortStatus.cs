namespace ACCOffload.P4Runtime.Ports;

/// <summary>A port's state on the target.</summary>
/// <param name="IsUp">Whether it passes packets.</param>
/// <param name="Fault">Why its link can't be opened; empty while it can, or is missing.</param>
/// <param name="InErrors">Frames that came in and ended before the headers that they announced.</param>
public sealed record PortStatus(bool IsUp, string Fault, ulong InErrors);
