using System.Numerics;

namespace ACCOffload.P4Wire;

/// <summary>Big-endian bit strings: full width in memory, shortest form on the wire.</summary>
internal static class BitString
{
    public static int ByteWidth(int bitWidth) => (bitWidth + 7) >> 3;

    /// <summary>The shortest form: without leading zero bytes, but zero keeps one byte. An empty value stays empty.</summary>
    public static ReadOnlySpan<byte> Canonical(ReadOnlySpan<byte> value)
    {
        var zeros = value.IndexOfAnyExcept((byte)0);
        return zeros switch
        {
            0 => value,
            < 0 => value[^Math.Min(1, value.Length)..],
            _ => value[zeros..],
        };
    }

    /// <summary>
    /// Right-aligns a value of any length into a field, padded with zeros. Returns false if the value is empty or wider than the field.
    /// </summary>
    public static bool TryPack(ReadOnlySpan<byte> value, int bitWidth, Span<byte> destination)
    {
        if (value.IsEmpty)
        {
            return false;
        }

        value = value.TrimStart((byte)0);
        if (BitLength(value) > bitWidth)
        {
            return false;
        }

        destination[..^value.Length].Clear();
        value.CopyTo(destination[^value.Length..]);
        return true;
    }

    /// <summary>Why <see cref="TryPack(ReadOnlySpan{byte}, int, Span{byte})"/> refused a value.</summary>
    public static string Describe(ReadOnlySpan<byte> value, int bitWidth) =>
        value.IsEmpty ? "the value is empty" : $"the value has {BitLength(value.TrimStart((byte)0))} bits, the field has {bitWidth}";

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

    /// <summary>Clears all bits after a prefix. The prefix counts from the field's top bit, not the top byte's.</summary>
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

    /// <summary>Sets the lowest bits to one, the others to zero.</summary>
    public static void FillLow(Span<byte> destination, int bits)
    {
        destination.Clear();
        var whole = bits / 8;
        destination[^whole..].Fill(0xFF);
        if (bits % 8 != 0)
        {
            destination[^(whole + 1)] = (byte)((1 << (bits % 8)) - 1);
        }
    }

    /// <summary>Sets the highest bits to one, the others to zero.</summary>
    public static void FillHigh(Span<byte> destination, int bits)
    {
        destination.Clear();
        destination[..(bits / 8)].Fill(0xFF);
        if (bits % 8 != 0)
        {
            destination[bits / 8] = (byte)(0xFF << (8 - (bits % 8)));
        }
    }

    /// <summary>Number of leading one bits.</summary>
    public static int PrefixLength(ReadOnlySpan<byte> mask)
    {
        var bits = 0;
        foreach (var b in mask)
        {
            bits += BitOperations.LeadingZeroCount(((uint)(byte)~b << 24) | 0x0080_0000);
            if (b != 0xFF)
            {
                break;
            }
        }

        return bits;
    }

    /// <summary>Whether a value has bits set outside a mask of the same length.</summary>
    public static bool Exceeds(ReadOnlySpan<byte> value, ReadOnlySpan<byte> mask)
    {
        for (var i = 0; i < value.Length; i++)
        {
            if ((value[i] & ~mask[i]) != 0)
            {
                return true;
            }
        }

        return false;
    }

    public static bool IsZero(ReadOnlySpan<byte> value) => !value.ContainsAnyExcept((byte)0);

    private static int BitLength(ReadOnlySpan<byte> value) =>
        value.IsEmpty ? 0 : (value.Length * 8) - (BitOperations.LeadingZeroCount(value[0]) - 24);

    private static byte TopMask(int bitWidth) => (byte)(0xff >> (((bitWidth + 7) & ~7) - bitWidth));
}
