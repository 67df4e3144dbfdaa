namespace ACCOffload.P4Runtime.Schema;

/// <summary>How a match field matches.</summary>
public enum MatchKind
{
    /// <summary>Equal; always present.</summary>
    Exact,

    /// <summary>Longest prefix; length 0 is "any".</summary>
    Lpm,

    /// <summary>Value under a mask; mask 0 is "any".</summary>
    Ternary,

    /// <summary>Between two values, both inclusive; the full range is "any".</summary>
    Range,

    /// <summary>Equal, or "any" when absent.</summary>
    Optional,
}

/// <summary>One match field of a table.</summary>
public sealed class MatchFieldSchema
{
    internal MatchFieldSchema(uint id, string name, int bitWidth, MatchKind kind, int offset, ValueFormat format)
    {
        Id = id;
        Name = name;
        BitWidth = bitWidth;
        Kind = kind;
        Offset = offset;
        Format = format;
        ByteWidth = BitString.ByteWidth(bitWidth);
        PackedSize = kind switch
        {
            MatchKind.Exact => ByteWidth,
            MatchKind.Lpm => ByteWidth + 2,
            MatchKind.Optional => ByteWidth + 1,
            _ => ByteWidth * 2,
        };
    }

    /// <summary>The P4Info id, unique in its table.</summary>
    public uint Id { get; }

    /// <summary>The P4Info name, such as <c>dst_ip</c>.</summary>
    public string Name { get; }

    /// <summary>Width in bits.</summary>
    public int BitWidth { get; }

    /// <summary>How the field matches.</summary>
    public MatchKind Kind { get; }

    /// <summary>Display format of the field's values.</summary>
    public ValueFormat Format { get; }

    /// <summary>Width in bytes, rounded up.</summary>
    internal int ByteWidth { get; }

    /// <summary>
    /// Offset of the field in a packed key: value, then mask, high end or prefix length (2 bytes); preceded by a presence byte for
    /// Optional.
    /// </summary>
    internal int Offset { get; }

    internal int PackedSize { get; }
}
