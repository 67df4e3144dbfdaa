namespace ACCOffload.SoftTarget.Engine;

/// <summary>The one's complement sums of <c>ckadd</c> and <c>cksub</c>, over bytes in memory order; a result is never 0.</summary>
internal static unsafe class InternetChecksum
{
    public static ushort Add(ushort checksum, ulong value)
        => Finish((ushort)~checksum + (value >> 32) + (uint)value);

    // The multiple of 0xFFFF keeps the difference positive and is 0 in this arithmetic.
    public static ushort Subtract(ushort checksum, ulong value)
        => Finish((ushort)~checksum + 0xF_FFF0_0000UL - ((value >> 32) + (uint)value));

    /// <summary>Adds whole 32-bit words; the remainder of a header whose length is not a multiple of 4 is ignored.</summary>
    public static ushort AddHeader(ushort checksum, byte* header, int bytes)
    {
        ulong sum = (ushort)~checksum;
        for (; bytes >= 4; bytes -= 4, header += 4)
        {
            sum += *(uint*)header;
        }

        return Finish(sum);
    }

    private static ushort Finish(ulong sum)
    {
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        var result = (ushort)~sum;
        return result != 0 ? result : (ushort)0xFFFF;
    }
}
