namespace ACCOffload.P4Runtime.Schema;

/// <summary>The metadata that accompanies packets between the pipeline and the controller (<c>packet_in</c>, <c>packet_out</c>).</summary>
/// <param name="Name">Full P4 name of the header.</param>
/// <param name="Fields">The metadata fields in P4Info order.</param>
public sealed record PacketHeaderSchema(string Name, IReadOnlyList<PacketFieldSchema> Fields);

/// <summary>One metadata field of a packet header.</summary>
/// <param name="Id">The P4Info id, unique in its header.</param>
/// <param name="Name">The P4Info name.</param>
/// <param name="BitWidth">Width in bits.</param>
public sealed record PacketFieldSchema(uint Id, string Name, int BitWidth);
