namespace ACCOffload.Differential.Comparison;

/// <summary>A packet to be sent.</summary>
/// <param name="Port">Input port.</param>
/// <param name="Bytes">The frame.</param>
internal readonly record struct Packet(uint Port, byte[] Bytes)
{
    /// <summary>The frame as lower-case hex digits.</summary>
    public string Hex => Convert.ToHexStringLower(Bytes);

    /// <inheritdoc/>
    public override string ToString() => $"port {Port} {Hex}";
}
