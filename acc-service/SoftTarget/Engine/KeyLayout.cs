namespace ACCOffload.SoftTarget.Engine;

/// <summary>A contiguous part of a structure that belongs to a key.</summary>
internal struct KeySegment
{
    public int Struct;
    public int Offset;
    public int Length;
}

/// <summary>
/// Memory layout of a key. The stored form consists of the bytes of the fields as in the packet's structures (metadata in host order), in
/// the order of the structures, padded with zeros to whole 64-bit words, so that a contiguous key can be compared in place.
/// </summary>
internal sealed class KeyLayout
{
    private readonly Part[] _parts;

    public KeyLayout(IReadOnlyList<SwxKeyField> fields, IReadOnlyList<Operand> operands)
    {
        Operands = operands;
        _parts = new Part[fields.Count];
        var segments = new List<KeySegment>();
        var stored = 0;
        foreach (var i in Enumerable.Range(0, fields.Count).OrderBy(i => (operands[i].Struct, operands[i].Offset)))
        {
            var operand = operands[i];
            var bytes = fields[i].Bytes;
            _parts[i] = new Part(fields[i].Offset, bytes, stored, !operand.BigEndian);
            stored += bytes;
            if (segments.Count > 0 && segments[^1] is var last && last.Struct == operand.Struct
                && last.Offset + last.Length == operand.Offset)
            {
                segments[^1] = last with { Length = last.Length + bytes };
            }
            else
            {
                segments.Add(new KeySegment { Struct = operand.Struct, Offset = operand.Offset, Length = bytes });
            }
        }
        Segments = [.. segments];
        Bytes = stored;
        Words = (stored + 7) / 8;
    }

    /// <summary>Fields in key order.</summary>
    public IReadOnlyList<Operand> Operands { get; }

    public KeySegment[] Segments { get; }

    public int Bytes { get; }

    public int Words { get; }

    /// <summary>Converts the packed key (big-endian fields) to the stored form.</summary>
    public void ToStored(ReadOnlySpan<byte> packed, Span<byte> stored)
    {
        stored[..(Words * 8)].Clear();
        foreach (var part in _parts)
        {
            Copy(packed.Slice(part.Packed, part.Bytes), stored.Slice(part.Stored, part.Bytes), part.Reverse);
        }
    }

    /// <summary>Converts the stored form to the packed key.</summary>
    public void ToPacked(ReadOnlySpan<byte> stored, Span<byte> packed)
    {
        foreach (var part in _parts)
        {
            Copy(stored.Slice(part.Stored, part.Bytes), packed.Slice(part.Packed, part.Bytes), part.Reverse);
        }
    }

    private static void Copy(ReadOnlySpan<byte> from, Span<byte> to, bool reverse)
    {
        from.CopyTo(to);
        if (reverse)
        {
            to.Reverse();
        }
    }

    private readonly record struct Part(int Packed, int Bytes, int Stored, bool Reverse);
}
