namespace ACCOffload.P4Runtime.Schema;

/// <summary>An indexed counter.</summary>
/// <param name="Id">The P4Info id.</param>
/// <param name="Name">The full P4 name.</param>
/// <param name="Alias">The shortest unambiguous name.</param>
/// <param name="Size">Number of cells.</param>
/// <param name="CountsPackets">Whether packets are counted.</param>
/// <param name="CountsBytes">Whether bytes are counted.</param>
public sealed record CounterSchema(uint Id, string Name, string Alias, long Size, bool CountsPackets, bool CountsBytes);
