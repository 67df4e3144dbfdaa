using System.Buffers.Binary;

namespace ACCOffload.P4Runtime.Schema;

/// <summary>A group's members as one value: their numbers, ascending, four bytes each; zeros before them fill it up.</summary>
internal static class GroupMembers
{
    /// <summary>At least one number, as a value is never empty.</summary>
    public static byte[] Pack(ReadOnlySpan<uint> ascending)
    {
        var bytes = new byte[sizeof(uint) * Math.Max(1, ascending.Length)];
        for (var i = 0; i < ascending.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(i * sizeof(uint)), ascending[i]);
        }

        return bytes;
    }

    /// <summary>The number at this place of the full-width value; 0 where there is none.</summary>
    public static uint At(ReadOnlySpan<byte> packed, int index) => BinaryPrimitives.ReadUInt32BigEndian(packed[(index * sizeof(uint))..]);
}
