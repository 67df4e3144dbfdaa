using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.P4Runtime.Entries;

/// <summary>One action parameter of an entry, unpacked for display.</summary>
/// <param name="Param">The parameter.</param>
/// <param name="Value">The value; big-endian, full width.</param>
public readonly record struct ParamValue(ParamSchema Param, ReadOnlyMemory<byte> Value)
{
    /// <summary>The value alone.</summary>
    public string ToValueString() => ValueText.Format(Value.Span, Param.Format);

    /// <summary>Name and value, such as <c>port=3</c>.</summary>
    public override string ToString() => $"{Param.Name}={ToValueString()}";
}
