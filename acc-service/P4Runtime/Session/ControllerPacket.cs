namespace ACCOffload.P4Runtime.Session;

/// <summary>A packet from or to the pipeline.</summary>
/// <param name="Payload">The frame.</param>
/// <param name="Metadata">Metadata by name, as the pipeline's <c>packet_in</c> or <c>packet_out</c> header defines it.</param>
public sealed record ControllerPacket(ReadOnlyMemory<byte> Payload, IReadOnlyList<PacketValue> Metadata);

/// <summary>One metadata value of a packet.</summary>
/// <param name="Name">Name of the metadata field.</param>
/// <param name="Value">The value, big-endian.</param>
public readonly record struct PacketValue(string Name, ReadOnlyMemory<byte> Value);
