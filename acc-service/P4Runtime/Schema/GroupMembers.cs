using System.Buffers.Binary;

namespace ACCOffload.P4Runtime.Schema;

/// <summary>A group's members as one value: their ids in ascending order, four bytes each, padded with zeros in front.</summary>
internal static class GroupMembers
{
    /// <summary>Packs the ids; at least four bytes, since a value is never empty.</summary>
    public static byte[] Pack(ReadOnlySpan<uint> ascending)
    {
        var bytes = new byte[sizeof(uint) * Math.Max(1, ascending.Length)];
        for (var i = 0; i < ascending.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(i * sizeof(uint)), ascending[i]);
        }

        return bytes;
    }

    /// <summary>The id at a position in the full-width value; 0 for padding.</summary>
    public static uint At(ReadOnlySpan<byte> packed, int index) => BinaryPrimitives.ReadUInt32BigEndian(packed[(index * sizeof(uint))..]);
}
