namespace ACCOffload.Fuzz.Tests.Engine;

/// <summary>A small generator (SplitMix64): the same seed gives the same inputs everywhere.</summary>
internal sealed class Dice(ulong seed)
{
    private ulong _state = seed;

    /// <summary>Combines several numbers into one seed.</summary>
    public static ulong Mix(params ReadOnlySpan<ulong> parts)
    {
        var mixed = new Dice(0);
        foreach (var part in parts)
        {
            mixed._state = mixed.Next() ^ part;
        }

        return mixed.Next();
    }

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A number from 0 to <paramref name="bound"/> - 1.</summary>
    public int Below(int bound) => (int)(Next() % (uint)bound);

    public int Between(int least, int greatest) => least + Below(greatest - least + 1);

    public bool OneIn(int times) => Below(times) == 0;

    public T Pick<T>(params ReadOnlySpan<T> items) => items[Below(items.Length)];

    public byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++)
        {
            bytes[i] = (byte)Next();
        }

        return bytes;
    }

    /// <summary>A number, mostly small or at a boundary.</summary>
    public ulong OddNumber() => Below(6) switch
    {
        0 => Next(),
        1 => Next() >> Below(64),
        2 => 1ul << Below(64),
        3 => (1ul << Below(64)) - 1,
        4 => Pick<ulong>(0, 1, 127, 128, 255, 256, 65535, 65536, int.MaxValue, 1ul << 31, uint.MaxValue, 1ul << 32, long.MaxValue,
            1ul << 63, ulong.MaxValue),
        _ => (ulong)Below(20),
    };

    /// <summary>Unusual or invalid text.</summary>
    public string OddText() => Below(10) switch
    {
        0 => "",
        1 => new string('x', Pick(15, 16, 63, 64, 107, 108, 253, 254, 256, 257, 5000)),
        2 => "a\nb",
        3 => "\0",
        4 => "../../etc/passwd",
        5 => "é€😀",
        6 => new string('é', Pick(31, 32, 126, 127, 128)),
        7 => Pick(".", "..", "/", "a/b", "-", " ", "a b", "a:b", "a@b", "\u0085", "%s%n", "*", "null"),
        8 => System.Text.Encoding.Latin1.GetString(Bytes(Below(20))),
        _ => "name-" + Below(4),
    };
}
