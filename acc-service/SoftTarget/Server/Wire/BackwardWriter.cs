namespace ACCOffload.SoftTarget.Server.Wire;

/// <summary>
/// Writes protobuf's wire form from the end of a buffer towards its start, so that the length of a nested message is known
/// when its header is written.
/// </summary>
internal ref struct BackwardWriter(Span<byte> buffer)
{
    private readonly Span<byte> _buffer = buffer;
    private int _at = buffer.Length;

    /// <summary>Bytes written so far; the difference of two is the length of what was written between.</summary>
    public readonly int Length => _buffer.Length - _at;

    public readonly ReadOnlySpan<byte> Written => _buffer[_at..];

    public void Varint(ulong value)
    {
        var size = 1;
        for (var rest = value >> 7; rest != 0; rest >>= 7)
        {
            size++;
        }

        _at -= size;
        var at = _at;
        while (value >= 0x80)
        {
            _buffer[at++] = (byte)(value | 0x80);
            value >>= 7;
        }

        _buffer[at] = (byte)value;
    }

    /// <summary>A varint field with its tag; proto3 leaves zero out.</summary>
    public void Number(uint field, ulong value)
    {
        if (value == 0)
        {
            return;
        }

        Varint(value);
        Varint(field << 3);
    }

    /// <summary>The header of a nested message that was written since <paramref name="start"/>.</summary>
    public void Message(uint field, int start)
    {
        Varint((ulong)(Length - start));
        Varint((field << 3) | WireReader.BytesType);
    }

    public void Bytes(uint field, scoped ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty)
        {
            return;
        }

        Raw(value);
        Varint((ulong)value.Length);
        Varint((field << 3) | WireReader.BytesType);
    }

    /// <summary>A bit string in canonical form: no leading zero bytes, one byte at least.</summary>
    public void BitString(uint field, scoped ReadOnlySpan<byte> value)
    {
        var zeros = 0;
        while (zeros < value.Length - 1 && value[zeros] == 0)
        {
            zeros++;
        }

        Bytes(field, value[zeros..]);
    }

    public void Raw(scoped ReadOnlySpan<byte> value)
    {
        _at -= value.Length;
        value.CopyTo(_buffer[_at..]);
    }
}
