namespace ACCOffload.SoftTarget.Engine;

/// <summary>How a key field matches.</summary>
public enum SwxMatchKind
{
    /// <summary>All bits.</summary>
    Exact,

    /// <summary>A prefix; the longest one wins.</summary>
    Lpm,

    /// <summary>Value and mask; the highest priority wins.</summary>
    Wildcard,
}

/// <summary>One field of a table's key.</summary>
/// <param name="Name">The field as the specification writes it (<c>h.ipv4.dst_addr</c>, <c>m.port</c>).</param>
/// <param name="Bits">Width in bits.</param>
/// <param name="Offset">Offset in the packed key in bytes.</param>
/// <param name="Kind">How it matches.</param>
public sealed record SwxKeyField(string Name, int Bits, int Offset, SwxMatchKind Kind)
{
    /// <summary>Width in bytes.</summary>
    public int Bytes => Bits / 8;
}

/// <summary>
/// A match-action table. A packed key is the concatenation of the key fields, each big-endian in its full width; a mask has the same
/// layout.
/// </summary>
public sealed class SwxTable
{
    internal SwxTable(string name, int index, IReadOnlyList<SwxKeyField> key, IReadOnlyList<SwxTableAction> actions)
    {
        Name = name;
        Index = index;
        Key = key;
        Actions = actions;
        KeyBytes = key.Sum(f => f.Bytes);
        Kind = key.Any(f => f.Kind == SwxMatchKind.Wildcard) ? SwxMatchKind.Wildcard
            : key.Any(f => f.Kind == SwxMatchKind.Lpm) ? SwxMatchKind.Lpm
            : SwxMatchKind.Exact;
    }

    /// <summary>Name in the specification.</summary>
    public string Name { get; }

    /// <summary>Index of the table in the program; updates use it.</summary>
    public int Index { get; }

    /// <summary>Key fields in order; empty for a table that only runs its default action.</summary>
    public IReadOnlyList<SwxKeyField> Key { get; }

    /// <summary>Size of the packed key in bytes.</summary>
    public int KeyBytes { get; }

    /// <summary>Exact if all fields are exact, wildcard if one is wildcard, else lpm.</summary>
    public SwxMatchKind Kind { get; }

    /// <summary>Actions of the table.</summary>
    public IReadOnlyList<SwxTableAction> Actions { get; }

    /// <summary>Initial default action.</summary>
    public SwxAction DefaultAction { get; internal init; } = null!;

    /// <summary>Data of the initial default action: big-endian arguments.</summary>
    public ReadOnlyMemory<byte> DefaultActionData { get; internal init; }

    /// <summary>Whether the default action is constant.</summary>
    public bool DefaultIsConst { get; internal init; }

    /// <summary>Maximum number of entries; may be 0 for a table without a key.</summary>
    public long Size { get; internal init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>A selector: maps a group id and a hash over fields to a member id.</summary>
public sealed class SwxSelector
{
    internal SwxSelector(string name, int index)
    {
        Name = name;
        Index = index;
    }

    /// <summary>Name in the specification.</summary>
    public string Name { get; }

    /// <summary>Index of the selector in the program; updates use it.</summary>
    public int Index { get; }

    /// <summary>Metadata field with the group id.</summary>
    public string GroupIdField { get; internal init; } = "";

    /// <summary>Hashed fields.</summary>
    public IReadOnlyList<string> SelectorFields { get; internal init; } = [];

    /// <summary>Metadata field that receives the member id.</summary>
    public string MemberIdField { get; internal init; } = "";

    /// <summary>Number of groups; ids are below it.</summary>
    public int GroupsMax { get; internal init; }

    /// <summary>
    /// Maximum number of members in a group. The P4Runtime server enforces it exactly; the engine rounds it up to a power of two.
    /// </summary>
    public int MembersMax { get; internal init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>A learner: an exact-match table that the data plane fills and whose entries time out.</summary>
public sealed class SwxLearner
{
    internal SwxLearner(string name, int index, IReadOnlyList<SwxKeyField> key, IReadOnlyList<SwxTableAction> actions)
    {
        Name = name;
        Index = index;
        Key = key;
        Actions = actions;
        KeyBytes = key.Sum(f => f.Bytes);
    }

    /// <summary>Name in the specification.</summary>
    public string Name { get; }

    /// <summary>Index of the learner in the program.</summary>
    public int Index { get; }

    /// <summary>Key fields in order.</summary>
    public IReadOnlyList<SwxKeyField> Key { get; }

    /// <summary>Size of the packed key in bytes.</summary>
    public int KeyBytes { get; }

    /// <summary>Actions of the table.</summary>
    public IReadOnlyList<SwxTableAction> Actions { get; }

    /// <summary>Initial default action.</summary>
    public SwxAction DefaultAction { get; internal init; } = null!;

    /// <summary>Data of the initial default action: big-endian arguments.</summary>
    public ReadOnlyMemory<byte> DefaultActionData { get; internal init; }

    /// <summary>Whether the default action is constant.</summary>
    public bool DefaultIsConst { get; internal init; }

    /// <summary>Maximum number of entries.</summary>
    public int Size { get; internal init; }

    /// <summary>Timeouts in seconds, by timeout id.</summary>
    public IReadOnlyList<int> Timeouts { get; internal init; } = [];

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>
/// An array of 64-bit registers. Counters use these arrays: <c>NAME_packets</c> and <c>NAME_bytes</c>, or <c>NAME</c> if the counter
/// counts only packets or only bytes.
/// </summary>
/// <param name="Name">Name in the specification.</param>
/// <param name="Index">Position among the register arrays.</param>
/// <param name="Size">Number of registers in the specification; rounded up to a power of two in memory.</param>
/// <param name="InitialValue">Initial value.</param>
public sealed record SwxRegisterArray(string Name, int Index, int Size, ulong InitialValue);

/// <summary>An array of two-rate three-color meters (RFC 2698).</summary>
/// <param name="Name">Name in the specification.</param>
/// <param name="Index">Position among the meter arrays.</param>
/// <param name="Size">Number of meters in the specification; rounded up to a power of two in memory.</param>
public sealed record SwxMeterArray(string Name, int Index, int Size);
