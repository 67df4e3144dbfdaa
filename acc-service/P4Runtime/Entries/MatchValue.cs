using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.P4Runtime.Entries;

/// <summary>One match field of an entry, unpacked.</summary>
/// <param name="Field">The field.</param>
/// <param name="Value">The value, or the low end of a range; big-endian, full width.</param>
/// <param name="MaskOrHigh">The mask, or the high end of a range; empty for the other kinds.</param>
/// <param name="PrefixLength">The prefix length in bits; 0 unless the field is longest-prefix.</param>
/// <param name="IsAny">Whether the field matches everything.</param>
public readonly record struct MatchValue(
    MatchFieldSchema Field, ReadOnlyMemory<byte> Value, ReadOnlyMemory<byte> MaskOrHigh, int PrefixLength, bool IsAny)
{
    /// <summary>The value alone, such as <c>10.244.1.0/24</c>; <c>*</c> when it matches everything.</summary>
    public string ToValueString()
    {
        if (IsAny)
        {
            return "*";
        }

        var value = ValueText.Format(Value.Span, Field.Format);
        return Field.Kind switch
        {
            MatchKind.Lpm => $"{value}/{PrefixLength}",
            MatchKind.Ternary => $"{value}&{MaskText()}",
            MatchKind.Range => $"{value}-{ValueText.Format(MaskOrHigh.Span, Field.Format)}",
            _ => value,
        };
    }

    /// <summary>Name and value, such as <c>dst_ip=10.244.1.0/24</c>.</summary>
    public override string ToString() => $"{Field.Name}={ToValueString()}";

    private string MaskText() =>
        Field.Format == ValueFormat.Number ? "0x" + Convert.ToHexStringLower(MaskOrHigh.Span)
            : ValueText.Format(MaskOrHigh.Span, Field.Format);
}

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
