namespace ACCOffload.SoftTarget.Engine;

/// <summary>Location of a field. Structure 0 is the action data, 1 the metadata, 2 and up the headers.</summary>
internal readonly record struct Operand(int Struct, SwxField Field)
{
    public const int ActionData = 0;
    public const int Metadata = 1;
    public const int FirstHeader = 2;

    public int Bits => Field.Bits;

    public int Offset => Field.Offset;

    /// <summary>Metadata is in host order, except fields of more than 64 bits, which are only moved as bytes.</summary>
    public bool BigEndian => Struct != Metadata || Bits > 64;

    public byte Code => FieldAccess.Code(Bits, BigEndian);

    public bool IsHeader => Struct >= FirstHeader;
}

/// <summary>The names of a program.</summary>
internal sealed class SpecScope
{
    public required Dictionary<string, SwxHeader> Headers { get; init; }
    public required SwxStruct Metadata { get; init; }
    public Dictionary<string, SwxAction> Actions { get; } = new(StringComparer.Ordinal);
    public Dictionary<string, SwxTable> Tables { get; } = new(StringComparer.Ordinal);
    public Dictionary<string, SwxSelector> Selectors { get; } = new(StringComparer.Ordinal);
    public Dictionary<string, SwxLearner> Learners { get; } = new(StringComparer.Ordinal);
    public Dictionary<string, SwxRegisterArray> RegisterArrays { get; } = new(StringComparer.Ordinal);
    public Dictionary<string, SwxMeterArray> MeterArrays { get; } = new(StringComparer.Ordinal);
    public Dictionary<string, int> Rss { get; } = new(StringComparer.Ordinal);

    /// <summary>Finds <c>h.HEADER.FIELD</c>, <c>m.FIELD</c> or, inside an action, <c>t.FIELD</c>.</summary>
    public bool TryField(string name, SwxStruct? arguments, out Operand operand)
    {
        operand = default;
        SwxField? field = null;
        var owner = -1;
        if (name.StartsWith("m.", StringComparison.Ordinal))
        {
            field = Metadata.Find(name[2..]);
            owner = Operand.Metadata;
        }
        else if (name.StartsWith("t.", StringComparison.Ordinal))
        {
            field = arguments?.Find(name[2..]);
            owner = Operand.ActionData;
        }
        else if (name.StartsWith("h.", StringComparison.Ordinal))
        {
            var dot = name.IndexOf('.', 2);
            if (dot > 0 && Headers.TryGetValue(name[2..dot], out var header))
            {
                field = header.Type.Find(name[(dot + 1)..]);
                owner = Operand.FirstHeader + header.Index;
            }
        }
        if (field is null)
        {
            return false;
        }

        operand = new Operand(owner, field);
        return true;
    }

    public Operand Field(SpecLine line, string name, SwxStruct? arguments, string what)
    {
        if (!TryField(name, arguments, out var operand))
        {
            throw line.Error($"{what} '{SpecLexer.Shorten(name)}' is not a field of a header, the metadata or the action's arguments");
        }

        if (operand.Field.IsVariable)
        {
            throw line.Error($"{what} '{SpecLexer.Shorten(name)}' has a variable width");
        }

        return operand;
    }

    /// <summary>A field of up to 64 bits.</summary>
    public Operand Word(SpecLine line, string name, SwxStruct? arguments, string what)
    {
        var operand = Field(line, name, arguments, what);
        return operand.Bits <= 64 ? operand
            : throw line.Error($"{what} '{SpecLexer.Shorten(name)}' has {operand.Bits} bits; the limit here is 64");
    }

    /// <summary>A metadata field of up to 64 bits.</summary>
    public Operand MetadataWord(SpecLine line, string name, string what)
    {
        var operand = Word(line, name, null, what);
        return operand.Struct == Operand.Metadata ? operand
            : throw line.Error($"{what} '{SpecLexer.Shorten(name)}' must be a metadata field");
    }

    public SwxHeader Header(SpecLine line, string name)
        => TryHeader(name) ?? throw line.Error($"'{SpecLexer.Shorten(name)}' is not a header");

    public SwxHeader? TryHeader(string name)
        => name.StartsWith("h.", StringComparison.Ordinal) ? Headers.GetValueOrDefault(name[2..]) : null;

    public SwxAction Action(SpecLine line, string name)
        => Actions.GetValueOrDefault(name) ?? throw line.Error($"'{SpecLexer.Shorten(name)}' is not an action");
}
