namespace ACCOffload.Differential.Tests.Comparison;

/// <summary>A packet and the port at which it enters or leaves.</summary>
/// <param name="Port">The port.</param>
/// <param name="Bytes">The frame.</param>
internal readonly record struct Packet(uint Port, byte[] Bytes)
{
    /// <summary>The frame as lower-case hex digits.</summary>
    public string Hex => Convert.ToHexStringLower(Bytes);

    /// <inheritdoc/>
    public override string ToString() => $"port {Port} {Hex}";
}
