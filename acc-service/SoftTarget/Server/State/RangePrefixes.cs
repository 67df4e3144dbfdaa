using System.Numerics;

namespace ACCOffload.SoftTarget.Server.State;

/// <summary>Covers a range of numbers with the fewest prefixes.</summary>
internal static class RangePrefixes
{
    /// <param name="low">First number.</param>
    /// <param name="high">Last number.</param>
    /// <param name="bits">Width of the field, at most 64.</param>
    public static List<(ulong Value, ulong Mask)> Cover(ulong low, ulong high, int bits)
    {
        var all = Ones(bits);
        List<(ulong Value, ulong Mask)> prefixes = [];
        while (true)
        {
            // The largest aligned block that starts at the low bound and does not exceed the high bound.
            var free = low == 0 ? bits : Math.Min(bits, BitOperations.TrailingZeroCount(low));
            while (free > 0 && Last(low, free) > high)
            {
                free--;
            }

            prefixes.Add((low, all & ~Ones(free)));
            var last = Last(low, free);
            if (last >= high)
            {
                return prefixes;
            }

            low = last + 1;
        }
    }

    private static ulong Last(ulong low, int free) => low | Ones(free);

    private static ulong Ones(int count) => count >= 64 ? ulong.MaxValue : (1UL << count) - 1;
}
