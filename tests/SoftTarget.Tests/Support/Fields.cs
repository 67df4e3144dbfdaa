using Google.Protobuf;
using P4.V1;

namespace ACCOffload.SoftTarget.Tests.Support;

/// <summary>Builds match fields and values in canonical form.</summary>
internal static class Fields
{
    public static ByteString Number(ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        var first = bytes.IndexOfAnyExcept((byte)0);
        return ByteString.CopyFrom(first < 0 ? bytes[7..] : bytes[first..]);
    }

    public static ByteString Bytes(params byte[] bytes) => ByteString.CopyFrom(bytes);

    public static FieldMatch Exact(uint id, ulong value) => Exact(id, Number(value));

    public static FieldMatch Exact(uint id, ByteString value)
        => new() { FieldId = id, Exact = new FieldMatch.Types.Exact { Value = value } };

    public static FieldMatch Lpm(uint id, ulong value, int length)
        => new() { FieldId = id, Lpm = new FieldMatch.Types.LPM { Value = Number(value), PrefixLen = length } };

    public static FieldMatch Ternary(uint id, ulong value, ulong mask)
        => new() { FieldId = id, Ternary = new FieldMatch.Types.Ternary { Value = Number(value), Mask = Number(mask) } };

    public static FieldMatch Range(uint id, ulong low, ulong high)
        => new() { FieldId = id, Range = new FieldMatch.Types.Range { Low = Number(low), High = Number(high) } };

    public static FieldMatch Optional(uint id, ulong value)
        => new() { FieldId = id, Optional = new FieldMatch.Types.Optional { Value = Number(value) } };
}
