using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>
/// Reads and writes fields of 1 to 8 bytes without touching adjacent bytes. An access code is (bytes − 1) plus <see cref="BigEndian"/> for
/// fields in network order.
/// </summary>
internal static unsafe class FieldAccess
{
    public const byte BigEndian = 8;

    /// <summary>Special code: the operand is a constant.</summary>
    public const byte Constant = 255;

    public static byte Code(int bits, bool bigEndian) => (byte)((bits / 8 - 1) | (bigEndian && bits > 8 ? BigEndian : 0));

    public static int Bytes(byte code) => (code & 7) + 1;

    public static ulong Mask(int bits) => bits >= 64 ? ulong.MaxValue : (1UL << bits) - 1;

    /// <summary>Converts a value to the bytes of a field with this code, read as little-endian.</summary>
    public static ulong Raw(ulong value, byte code)
    {
        var bits = Bytes(code) * 8;
        value &= Mask(bits);
        return (code & BigEndian) == 0 ? value : BinaryPrimitives.ReverseEndianness(value << (64 - bits));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Load(byte* p, byte code) => code switch
    {
        0 => *p,
        1 => *(ushort*)p,
        2 => *(ushort*)p | ((ulong)p[2] << 16),
        3 => *(uint*)p,
        4 => *(uint*)p | ((ulong)p[4] << 32),
        5 => *(uint*)p | ((ulong)*(ushort*)(p + 4) << 32),
        6 => *(uint*)p | ((ulong)*(ushort*)(p + 4) << 32) | ((ulong)p[6] << 48),
        7 => *(ulong*)p,
        9 => BinaryPrimitives.ReverseEndianness(*(ushort*)p),
        10 => ((ulong)BinaryPrimitives.ReverseEndianness(*(ushort*)p) << 8) | p[2],
        11 => BinaryPrimitives.ReverseEndianness(*(uint*)p),
        12 => ((ulong)BinaryPrimitives.ReverseEndianness(*(uint*)p) << 8) | p[4],
        13 => ((ulong)BinaryPrimitives.ReverseEndianness(*(uint*)p) << 16) | BinaryPrimitives.ReverseEndianness(*(ushort*)(p + 4)),
        14 => ((ulong)BinaryPrimitives.ReverseEndianness(*(uint*)p) << 24)
            | ((ulong)BinaryPrimitives.ReverseEndianness(*(ushort*)(p + 4)) << 8) | p[6],
        15 => BinaryPrimitives.ReverseEndianness(*(ulong*)p),
        _ => *p,
    };

    /// <summary>Writes the low bits of a value.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Store(byte* p, byte code, ulong value)
    {
        switch (code)
        {
            case 0: *p = (byte)value; break;
            case 1: *(ushort*)p = (ushort)value; break;
            case 2: *(ushort*)p = (ushort)value; p[2] = (byte)(value >> 16); break;
            case 3: *(uint*)p = (uint)value; break;
            case 4: *(uint*)p = (uint)value; p[4] = (byte)(value >> 32); break;
            case 5: *(uint*)p = (uint)value; *(ushort*)(p + 4) = (ushort)(value >> 32); break;
            case 6: *(uint*)p = (uint)value; *(ushort*)(p + 4) = (ushort)(value >> 32); p[6] = (byte)(value >> 48); break;
            case 7: *(ulong*)p = value; break;
            case 9: *(ushort*)p = BinaryPrimitives.ReverseEndianness((ushort)value); break;
            case 10: *(ushort*)p = BinaryPrimitives.ReverseEndianness((ushort)(value >> 8)); p[2] = (byte)value; break;
            case 11: *(uint*)p = BinaryPrimitives.ReverseEndianness((uint)value); break;
            case 12: *(uint*)p = BinaryPrimitives.ReverseEndianness((uint)(value >> 8)); p[4] = (byte)value; break;
            case 13:
                *(uint*)p = BinaryPrimitives.ReverseEndianness((uint)(value >> 16));
                *(ushort*)(p + 4) = BinaryPrimitives.ReverseEndianness((ushort)value);
                break;
            case 14:
                *(uint*)p = BinaryPrimitives.ReverseEndianness((uint)(value >> 24));
                *(ushort*)(p + 4) = BinaryPrimitives.ReverseEndianness((ushort)(value >> 8));
                p[6] = (byte)value;
                break;
            case 15: *(ulong*)p = BinaryPrimitives.ReverseEndianness(value); break;
        }
    }
}
