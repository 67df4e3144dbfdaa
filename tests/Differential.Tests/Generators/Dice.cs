using System.Buffers.Binary;

namespace ACCOffload.Differential.Tests.Generators;

/// <summary>Random choices from one seed.</summary>
internal sealed class Dice(int seed)
{
    private readonly Random _random = new(seed);

    /// <summary>A number from 0 to <paramref name="bound"/> - 1.</summary>
    public int Below(int bound) => _random.Next(bound);

    /// <summary>True with the given probability in percent.</summary>
    public bool Percent(int chance) => _random.Next(100) < chance;

    /// <summary>One of the choices.</summary>
    public T Pick<T>(params IReadOnlyList<T> choices) => choices[_random.Next(choices.Count)];

    /// <summary>Shuffles the array in place.</summary>
    public void Shuffle<T>(T[] things) => _random.Shuffle(things);

    /// <summary>Random bytes.</summary>
    public byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>A number as big-endian bytes.</summary>
    public static byte[] Number(ulong value, int bytes)
    {
        Span<byte> all = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(all, value);
        var result = new byte[bytes];
        all[Math.Max(0, 8 - bytes)..].CopyTo(result.AsSpan(Math.Max(0, bytes - 8)));
        return result;
    }

    /// <summary>A random value, often small so that values coincide.</summary>
    public byte[] Value(int bytes)
    {
        switch (Below(6))
        {
            case 0 or 1:
                return Number((ulong)Below(4), bytes);
            case 2:
                var ones = new byte[bytes];
                ones.AsSpan().Fill(0xFF);
                ones[^1] -= (byte)Below(2);
                return ones;
            default:
                return Bytes(bytes);
        }
    }
}
