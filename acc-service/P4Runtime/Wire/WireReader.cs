namespace ACCOffload.P4Runtime.Wire;

/// <summary>Reads protobuf from a span. Every length is checked; a fault is a <see cref="WireException"/>.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _rest = data;

    public int Field { get; private set; }

    public int WireType { get; private set; }

    /// <summary>Reads the next tag. False at the end.</summary>
    public bool Next()
    {
        if (_rest.IsEmpty)
        {
            return false;
        }

        var tag = Varint();
        if (tag is 0 or > uint.MaxValue || tag >> 3 == 0)
        {
            throw new WireException("a protobuf tag is not valid");
        }

        Field = (int)(tag >> 3);
        WireType = (int)(tag & 7);
        return true;
    }

    public ulong Varint()
    {
        ulong value = 0;
        for (var i = 0; i < _rest.Length && i < 10; i++)
        {
            var b = _rest[i];
            value |= (ulong)(b & 0x7f) << (7 * i);
            if (b < 0x80)
            {
                _rest = _rest[(i + 1)..];
                return value;
            }
        }

        throw new WireException("a protobuf number is cut off or too long");
    }

    public ulong Number()
    {
        Expect(0);
        return Varint();
    }

    public uint Id() => (uint)Number();

    public ReadOnlySpan<byte> Bytes()
    {
        Expect(2);
        var length = Varint();
        if (length > (ulong)_rest.Length)
        {
            throw new WireException("a protobuf length reaches beyond its message");
        }

        var value = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return value;
    }

    public void Skip()
    {
        switch (WireType)
        {
            case 0:
                Varint();
                break;
            case 1:
                Drop(8);
                break;
            case 2:
                Bytes();
                break;
            case 5:
                Drop(4);
                break;
            default:
                throw new WireException($"protobuf wire type {WireType} is not valid");
        }
    }

    private readonly void Expect(int wireType)
    {
        if (WireType != wireType)
        {
            throw new WireException($"protobuf field {Field} has wire type {WireType} instead of {wireType}");
        }
    }

    private void Drop(int count)
    {
        if (count > _rest.Length)
        {
            throw new WireException("a protobuf number is cut off");
        }

        _rest = _rest[count..];
    }
}
