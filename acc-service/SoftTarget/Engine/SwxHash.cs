using System.Numerics;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>DPDK's hash functions whose results are visible to programs.</summary>
internal static unsafe class SwxHash
{
    private static readonly byte[] ToeplitzKey =
    [
        0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
        0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
    ];

    /// <summary>CRC-32C from 0, not inverted (rte_hash_crc).</summary>
    public static uint Crc32(byte* p, int length)
    {
        uint crc = 0;
        for (; length >= 8; length -= 8, p += 8)
        {
            crc = BitOperations.Crc32C(crc, *(ulong*)p);
        }

        if ((length & 4) != 0)
        {
            crc = BitOperations.Crc32C(crc, *(uint*)p);
            p += 4;
        }
        if ((length & 2) != 0)
        {
            crc = BitOperations.Crc32C(crc, *(ushort*)p);
            p += 2;
        }
        return (length & 1) != 0 ? BitOperations.Crc32C(crc, *p) : crc;
    }

    /// <summary>Bob Jenkins's lookup3 from 0 (rte_jhash).</summary>
    public static uint Jenkins(byte* p, int length)
    {
        uint a, b, c;
        a = b = c = 0xdeadbeef + (uint)length;
        for (; length > 12; length -= 12, p += 12)
        {
            a += *(uint*)p;
            b += *(uint*)(p + 4);
            c += *(uint*)(p + 8);
            a -= c; a ^= BitOperations.RotateLeft(c, 4); c += b;
            b -= a; b ^= BitOperations.RotateLeft(a, 6); a += c;
            c -= b; c ^= BitOperations.RotateLeft(b, 8); b += a;
            a -= c; a ^= BitOperations.RotateLeft(c, 16); c += b;
            b -= a; b ^= BitOperations.RotateLeft(a, 19); a += c;
            c -= b; c ^= BitOperations.RotateLeft(b, 4); b += a;
        }
        if (length == 0)
        {
            return c;
        }

        a += Word(p, length);
        b += Word(p + 4, length - 4);
        c += Word(p + 8, length - 8);
        c ^= b; c -= BitOperations.RotateLeft(b, 14);
        a ^= c; a -= BitOperations.RotateLeft(c, 11);
        b ^= a; b -= BitOperations.RotateLeft(a, 25);
        c ^= b; c -= BitOperations.RotateLeft(b, 16);
        a ^= c; a -= BitOperations.RotateLeft(c, 4);
        b ^= a; b -= BitOperations.RotateLeft(a, 14);
        c ^= b; c -= BitOperations.RotateLeft(b, 24);
        return c;
    }

    /// <summary>Toeplitz with Microsoft's key, over the bytes in memory order; the key repeats after its 40 bytes.</summary>
    public static uint Toeplitz(byte* p, int length)
    {
        uint hash = 0;
        for (var i = 0; i < length; i++)
        {
            ulong window = 0;
            for (var j = 0; j < 5; j++)
            {
                window = (window << 8) | ToeplitzKey[(i + j) % ToeplitzKey.Length];
            }

            for (var bit = 0; bit < 8; bit++)
            {
                if ((p[i] & (0x80 >> bit)) != 0)
                {
                    hash ^= (uint)(window >> (8 - bit));
                }
            }
        }
        return hash;
    }

    /// <summary>The selector's hash over 8, 16, 32 or 64 masked bytes.</summary>
    public static uint Selector(ulong* k, int bytes)
    {
        switch (bytes)
        {
            case 8:
                return BitOperations.Crc32C(0, k[0]);
            case 16:
                return Crc(k[0], 0) ^ Crc(k[0] >> 32, k[1]);
            case 32:
                {
                    var crc0 = Crc(k[0], 0);
                    var crc1 = Crc(k[0] >> 32, k[1]);
                    var crc2 = Crc(k[2], k[3]);
                    return Crc(crc0, crc1) ^ Crc(crc2, k[2] >> 32);
                }
            default:
                {
                    var crc0 = Crc(k[0], 0);
                    ulong crc1 = Crc(k[0] >> 32, k[1]);
                    var crc2 = Crc(k[2], k[3]);
                    var crc3 = Crc(k[2] >> 32, k[4]);
                    ulong crc4 = Crc(k[5], k[6]);
                    var crc5 = Crc(k[5] >> 32, k[7]);
                    return Crc(crc0, (crc1 << 32) ^ crc2) ^ Crc(crc3, (crc4 << 32) ^ crc5);
                }
        }
    }

    private static uint Crc(ulong crc, ulong value) => BitOperations.Crc32C((uint)crc, value);

    private static uint Word(byte* p, int length) => length switch
    {
        <= 0 => 0,
        1 => *p,
        2 => *(ushort*)p,
        3 => *(ushort*)p | ((uint)p[2] << 16),
        _ => *(uint*)p,
    };
}
