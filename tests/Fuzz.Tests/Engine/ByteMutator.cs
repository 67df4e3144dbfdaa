namespace ACCOffload.Fuzz.Tests.Engine;

/// <summary>Mutates bytes without knowledge of their format.</summary>
internal static class ByteMutator
{
    public const int MaxLength = 16 * 1024;

    public static byte[] Mutate(Dice dice, byte[] bytes, int most = 3)
    {
        for (var changes = dice.Between(1, most); changes > 0; changes--)
        {
            bytes = Once(dice, bytes);
        }

        return bytes.Length <= MaxLength ? bytes : bytes[..MaxLength];
    }

    /// <summary>Joins the head of one input and the tail of the other.</summary>
    public static byte[] Splice(Dice dice, byte[] a, byte[] b) => [.. a[..dice.Below(a.Length + 1)], .. b[dice.Below(b.Length + 1)..]];

    private static byte[] Once(Dice dice, byte[] bytes)
    {
        if (bytes.Length == 0)
        {
            return dice.Bytes(dice.Below(8));
        }

        var at = dice.Below(bytes.Length);
        var length = Math.Min(dice.Between(1, 8), bytes.Length - at);
        switch (dice.Below(9))
        {
            case 0:
                return Set(bytes, at, (byte)(bytes[at] ^ (1 << dice.Below(8))));
            case 1:
                return Set(bytes, at, (byte)dice.Next());
            case 2:
                return Set(bytes, at, dice.Pick<byte>(0, 1, 0x7F, 0x80, 0xFF));
            case 3:
                return [.. bytes[..at], .. bytes[(at + length)..]];
            case 4:
                return [.. bytes[..at], .. dice.Bytes(length), .. bytes[at..]];
            case 5:
                return [.. bytes[..(at + length)], .. bytes[at..]];
            case 6:
                return bytes[..at];
            case 7:
                // A number of two or four bytes in either byte order.
                var number = dice.OddNumber();
                var changed = (byte[])bytes.Clone();
                var big = dice.OneIn(2);
                var size = Math.Min(dice.Pick(2, 4), bytes.Length - at);
                for (var i = 0; i < size; i++)
                {
                    changed[at + i] = (byte)(number >> (8 * (big ? size - 1 - i : i)));
                }

                return changed;
            default:
                return [.. bytes, .. bytes[at..]];
        }
    }

    private static byte[] Set(byte[] bytes, int at, byte value)
    {
        var changed = (byte[])bytes.Clone();
        changed[at] = value;
        return changed;
    }
}
