namespace ACCOffload.SoftTarget.Engine;

/// <summary>One field of a structure. Widths are multiples of 8 bits, as SWX requires.</summary>
/// <param name="Name">Name inside its structure.</param>
/// <param name="Bits">Width in bits; the maximum width for a variable field.</param>
/// <param name="Offset">Offset inside the structure in bytes.</param>
/// <param name="IsVariable">Whether this is a <c>varbit</c> field (always the last of its structure).</param>
public sealed record SwxField(string Name, int Bits, int Offset, bool IsVariable)
{
    /// <summary>Width in bytes.</summary>
    public int Bytes => Bits / 8;
}

/// <summary>A structure type, of headers, metadata or action arguments.</summary>
public sealed class SwxStruct
{
    private readonly Dictionary<string, SwxField> _byName = new(StringComparer.Ordinal);

    internal SwxStruct(string name, IReadOnlyList<SwxField> fields)
    {
        Name = name;
        Fields = fields;
        foreach (var field in fields)
        {
            _byName.Add(field.Name, field);
            Bytes += field.Bytes;
            MinimumBytes += field.IsVariable ? 0 : field.Bytes;
        }
    }

    /// <summary>Name in the specification.</summary>
    public string Name { get; }

    /// <summary>Fields in order.</summary>
    public IReadOnlyList<SwxField> Fields { get; }

    /// <summary>Maximum size in bytes.</summary>
    public int Bytes { get; }

    /// <summary>Size in bytes without the variable field.</summary>
    public int MinimumBytes { get; }

    /// <summary>Whether the last field is variable.</summary>
    public bool IsVariable => Bytes != MinimumBytes;

    /// <summary>Finds a field by name.</summary>
    public SwxField? Find(string name) => _byName.GetValueOrDefault(name);
}

/// <summary>A packet header instance.</summary>
/// <param name="Name">Name after <c>h.</c>.</param>
/// <param name="Type">Its structure.</param>
/// <param name="Index">Index of the header; its bit in the valid mask.</param>
public sealed record SwxHeader(string Name, SwxStruct Type, int Index);
