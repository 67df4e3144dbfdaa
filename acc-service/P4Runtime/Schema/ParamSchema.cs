namespace ACCOffload.P4Runtime.Schema;

/// <summary>One parameter of an action.</summary>
public sealed class ParamSchema
{
    internal ParamSchema(uint id, string name, int bitWidth, int offset, ValueFormat format)
    {
        Id = id;
        Name = name;
        BitWidth = bitWidth;
        Offset = offset;
        Format = format;
        ByteWidth = BitString.ByteWidth(bitWidth);
    }

    /// <summary>The P4Info id, unique in its action.</summary>
    public uint Id { get; }

    /// <summary>The P4Info name.</summary>
    public string Name { get; }

    /// <summary>Width in bits.</summary>
    public int BitWidth { get; }

    /// <summary>Display format of the parameter's values.</summary>
    public ValueFormat Format { get; }

    internal int ByteWidth { get; }

    internal int Offset { get; }
}
