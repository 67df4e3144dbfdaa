namespace ACCOffload.P4Runtime.Schema;

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

    /// <summary>How the field compares.</summary>
    public MatchKind Kind { get; }

    /// <summary>How values of the field are shown.</summary>
    public ValueFormat Format { get; }

    /// <summary>Width in bytes, rounded up.</summary>
    internal int ByteWidth { get; }

    /// <summary>Where the field lies in a packed key: value, then mask, high end, prefix length (2 bytes); a presence byte comes first for Optional.</summary>
    internal int Offset { get; }

    internal int PackedSize { get; }
}
