namespace ACCOffload.P4Runtime.Schema;

/// <summary>Big-endian bit strings: full width in memory, shortest form on the wire.</summary>
internal static class BitString
{
    public static int ByteWidth(int bitWidth) => (bitWidth + 7) >> 3;

    /// <summary>The shortest form: no leading zero bytes, at least one byte.</summary>
    public static ReadOnlySpan<byte> Canonical(ReadOnlySpan<byte> value)
    {
        var zeros = value.IndexOfAnyExcept((byte)0);
        return zeros switch
        {
            0 => value,
            < 0 => value[^1..],
            _ => value[zeros..],
        };
    }

    /// <summary>Right-aligns a value of any length into its full width. False if it does not fit.</summary>
    public static bool TryPack(ReadOnlySpan<byte> value, int bitWidth, Span<byte> destination)
    {
        var excess = value.Length - destination.Length;
        if (excess > 0)
        {
            if (value[..excess].ContainsAnyExcept((byte)0))
            {
                return false;
            }

            value = value[excess..];
        }

        destination[..^value.Length].Clear();
        value.CopyTo(destination[^value.Length..]);
        return (destination[0] & ~TopMask(bitWidth)) == 0;
    }

    /// <summary>Right-aligns a number into its full width. False if it does not fit.</summary>
    public static bool TryPack(ulong value, int bitWidth, Span<byte> destination)
    {
        for (var i = destination.Length - 1; i >= 0; i--)
        {
            destination[i] = (byte)value;
            value >>= 8;
        }

        return value == 0 && (destination[0] & ~TopMask(bitWidth)) == 0;
    }

    public static void And(Span<byte> value, ReadOnlySpan<byte> mask)
    {
        for (var i = 0; i < value.Length; i++)
        {
            value[i] &= mask[i];
        }
    }

    /// <summary>Clears all bits behind a prefix. The prefix counts from the field's top bit, not the top byte's.</summary>
    public static void MaskPrefix(Span<byte> value, int bitWidth, int prefixLength)
    {
        var clear = bitWidth - prefixLength;
        for (var i = value.Length - 1; i >= 0 && clear > 0; i--, clear -= 8)
        {
            value[i] = clear >= 8 ? (byte)0 : (byte)(value[i] & (0xff << clear));
        }
    }

    /// <summary>Whether every bit of the width is set.</summary>
    public static bool IsAllOnes(ReadOnlySpan<byte> value, int bitWidth) =>
        value[0] == TopMask(bitWidth) && !value[1..].ContainsAnyExcept((byte)0xff);

    public static void SetAllOnes(Span<byte> value, int bitWidth)
    {
        value.Fill(0xff);
        value[0] = TopMask(bitWidth);
    }

    public static bool IsZero(ReadOnlySpan<byte> value) => !value.ContainsAnyExcept((byte)0);

    private static byte TopMask(int bitWidth) => (byte)(0xff >> (((bitWidth + 7) & ~7) - bitWidth));
}
