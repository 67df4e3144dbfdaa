using System.Numerics;
using Google.Protobuf;

namespace ACCOffload.FaithfulTarget;

/// <summary>P4Runtime byte strings as numbers.</summary>
internal static class BitValue
{
    /// <summary>The value without leading zeros, at least one byte long.</summary>
    public static ByteString Canonical(ByteString value)
    {
        var start = 0;
        while (start < value.Length - 1 && value[start] == 0)
        {
            start++;
        }

        return start == 0 ? value : ByteString.CopyFrom(value.Span[start..]);
    }

    /// <summary>Whether the value is not empty and fits the width.</summary>
    /// <param name="value">A byte string.</param>
    /// <param name="width">Width in bits; 0 for a string of any length.</param>
    public static bool Fits(ByteString value, int width) => value.Length > 0 && (width == 0 || Number(value).GetBitLength() <= width);

    public static BigInteger Number(ByteString value) => new(value.Span, isUnsigned: true, isBigEndian: true);
}
