using System.Numerics;

namespace ACCOffload.SoftTarget.Server.Wire;

/// <summary>P4Runtime's byte strings: big-endian numbers of any length whose value must fit the field's bits.</summary>
internal static class BitStrings
{
    /// <summary>Copies a value into a field of fixed width, zero-filled; false if it does not fit or is empty.</summary>
    public static bool TryPack(ReadOnlySpan<byte> value, int bits, Span<byte> destination)
    {
        if (value.IsEmpty)
        {
            return false;
        }

        var zeros = 0;
        while (zeros < value.Length && value[zeros] == 0)
        {
            zeros++;
        }

        value = value[zeros..];
        if (BitLength(value) > bits)
        {
            return false;
        }

        destination[..^value.Length].Clear();
        value.CopyTo(destination[^value.Length..]);
        return true;
    }

    /// <summary>What to say of a value that <see cref="TryPack"/> refused.</summary>
    public static string Describe(ReadOnlySpan<byte> value, int bits)
        => value.IsEmpty ? "an empty byte string is no value" : $"{BitLength(value.TrimStart((byte)0))} bits given, the field has {bits}";

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
            bits += BitOperations.LeadingZeroCount((uint)(byte)~b << 24 | 0x0080_0000);
            if (b != 0xFF)
            {
                break;
            }
        }

        return bits;
    }

    public static bool IsZero(ReadOnlySpan<byte> value) => value.IndexOfAnyExcept((byte)0) < 0;

    /// <summary>Whether a value has bits outside a mask.</summary>
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

    private static int BitLength(ReadOnlySpan<byte> value)
        => value.IsEmpty ? 0 : (value.Length * 8) - (BitOperations.LeadingZeroCount(value[0]) - 24);
}
