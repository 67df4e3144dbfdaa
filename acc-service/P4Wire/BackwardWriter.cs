using System.Runtime.CompilerServices;

namespace ACCOffload.P4Wire;

/// <summary>
/// Writes protobuf from the end of a buffer to its start, so that the length of a nested message is known when its header is written: one
/// pass, nothing measured beforehand. Fields are written in reverse order. The caller provides a buffer that is large enough.
/// </summary>
internal ref struct BackwardWriter(Span<byte> buffer)
{
    private readonly Span<byte> _buffer = buffer;
    private int _at = buffer.Length;

    /// <summary>Bytes written so far; the difference between two values is the length of what was written in between.</summary>
    public readonly int Length => _buffer.Length - _at;

    /// <summary>Bytes of the buffer that are still free; the message starts here.</summary>
    public readonly int Position => _at;

    public readonly ReadOnlySpan<byte> Written => _buffer[_at..];

    public void Varint(ulong value)
    {
        if (value < 0x80)
        {
            _buffer[--_at] = (byte)value;
            return;
        }

        var length = 1;
        for (var rest = value >> 7; rest != 0; rest >>= 7)
        {
            length++;
        }

        _at -= length;
        var at = _at;
        for (; value >= 0x80; value >>= 7)
        {
            _buffer[at++] = (byte)(value | 0x80);
        }

        _buffer[at] = (byte)value;
    }

    /// <summary>A varint field; proto3 omits zero.</summary>
    public void Number(uint field, ulong value)
    {
        if (value == 0)
        {
            return;
        }

        Varint(value);
        Tag(field, WireReader.VarintType);
    }

    /// <summary>The header of the nested message that was written since <see cref="Length"/> was <paramref name="start"/>.</summary>
    public void Message(uint field, int start)
    {
        Varint((ulong)(Length - start));
        Tag(field, WireReader.BytesType);
    }

    /// <summary>A byte string field; proto3 omits an empty one.</summary>
    public void Bytes(uint field, scoped ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty)
        {
            return;
        }

        Raw(value);
        Varint((ulong)value.Length);
        Tag(field, WireReader.BytesType);
    }

    /// <summary>A byte string field in canonical form: no leading zero bytes, at least one byte.</summary>
    public void BitString(uint field, scoped ReadOnlySpan<byte> value) => Bytes(field, P4Wire.BitString.Canonical(value));

    /// <summary>Bytes without a header.</summary>
    public void Raw(scoped ReadOnlySpan<byte> value)
    {
        _at -= value.Length;
        value.CopyTo(_buffer[_at..]);
    }

    // Field numbers are constants almost everywhere: inlined, a tag is one store.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Tag(uint field, uint wireType)
    {
        if (field < 16)
        {
            _buffer[--_at] = (byte)((field << 3) | wireType);
        }
        else
        {
            Varint((field << 3) | wireType);
        }
    }
}
