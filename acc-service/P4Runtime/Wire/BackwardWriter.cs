using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.P4Runtime.Wire;

/// <summary>
/// Writes protobuf from the end of a buffer to its start, so that the length of a nested message is known when its prefix is written:
/// one pass, nothing measured beforehand. The caller sees to the room.
/// </summary>
internal ref struct BackwardWriter(Span<byte> buffer, int position)
{
    private readonly Span<byte> _buffer = buffer;

    /// <summary>Start of what is written.</summary>
    public int Position { get; private set; } = position;

    public void Byte(byte value) => _buffer[--Position] = value;

    public void Bytes(scoped ReadOnlySpan<byte> value)
    {
        Position -= value.Length;
        value.CopyTo(_buffer[Position..]);
    }

    public void Varint(ulong value)
    {
        if (value < 0x80)
        {
            _buffer[--Position] = (byte)value;
            return;
        }

        var length = 1;
        for (var rest = value >> 7; rest != 0; rest >>= 7)
        {
            length++;
        }

        Position -= length;
        var at = Position;
        for (; value >= 0x80; value >>= 7)
        {
            _buffer[at++] = (byte)(value | 0x80);
        }

        _buffer[at] = (byte)value;
    }

    /// <summary>Writes length and tag of the message or byte string that was just written up to <paramref name="end"/>.</summary>
    public void Prefix(int end, byte tag)
    {
        Varint((ulong)(end - Position));
        Byte(tag);
    }

    /// <summary>A byte string field in canonical form.</summary>
    public void Value(scoped ReadOnlySpan<byte> value, byte tag)
    {
        var end = Position;
        Bytes(BitString.Canonical(value));
        Prefix(end, tag);
    }
}
