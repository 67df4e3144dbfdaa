namespace ACCOffload.P4Wire;

/// <summary>
/// Reads the protobuf wire format in place. Writes carry hundreds of thousands of entries, and a generated object for each would cost more
/// than the table change itself. Every length is checked; malformed input throws <see cref="WireException"/>.
/// </summary>
internal ref struct WireReader(ReadOnlySpan<byte> data)
{
    public const int VarintType = 0;
    public const int Fixed64Type = 1;
    public const int BytesType = 2;
    public const int Fixed32Type = 5;
    private const int StartGroupType = 3;
    private const int EndGroupType = 4;
    private const int MaxGroupDepth = 64;

    private readonly ReadOnlySpan<byte> _data = data;
    private int _at;
    private int _groupDepth;
    private uint _tag;

    /// <summary>The number of the field whose tag was read last.</summary>
    public readonly uint Field => _tag >> 3;

    private readonly uint WireType => _tag & 7;

    /// <summary>Reads the next tag (field number × 8 + wire type); false at the end.</summary>
    public bool Next(out uint tag)
    {
        var more = Next();
        tag = _tag;
        return more;
    }

    /// <summary>Reads the next tag; false at the end.</summary>
    public bool Next()
    {
        if (_at >= _data.Length)
        {
            _tag = 0;
            return false;
        }

        var value = Varint();
        if (value is > uint.MaxValue or < 8)
        {
            throw new WireException($"invalid protobuf tag at byte {_at}");
        }

        _tag = (uint)value;
        return true;
    }

    /// <summary>Reads a varint, whatever the tag says.</summary>
    public ulong Varint()
    {
        if (_at < _data.Length)
        {
            var first = _data[_at];
            if (first < 0x80)
            {
                _at++;
                return first;
            }
        }

        return LongVarint();
    }

    /// <summary>The value of a varint field.</summary>
    public ulong Number()
    {
        Expect(VarintType);
        return Varint();
    }

    /// <summary>The value of a uint32 field.</summary>
    public uint Id() => (uint)Number();

    /// <summary>The value of a byte string field, or the content of a nested message.</summary>
    public ReadOnlySpan<byte> Bytes()
    {
        Expect(BytesType);
        var length = Varint();
        if (length > (ulong)(_data.Length - _at))
        {
            throw new WireException($"protobuf field {Field} at byte {_at} extends beyond the end of the message");
        }

        var bytes = _data.Slice(_at, (int)length);
        _at += (int)length;
        return bytes;
    }

    /// <summary>Skips the value of the field whose tag was read last.</summary>
    public void Skip()
    {
        switch (WireType)
        {
            case VarintType:
                Varint();
                break;
            case Fixed64Type:
                Advance(8);
                break;
            case BytesType:
                Bytes();
                break;
            case Fixed32Type:
                Advance(4);
                break;
            case StartGroupType:
                SkipGroup(Field);
                break;
            default:
                throw new WireException($"protobuf field {Field} at byte {_at} has invalid wire type {WireType}");
        }
    }

    /// <summary>Skips a proto2 group. None of our peers sends one, but a newer peer may.</summary>
    private void SkipGroup(uint field)
    {
        if (++_groupDepth > MaxGroupDepth)
        {
            throw new WireException($"protobuf groups are nested more than {MaxGroupDepth} deep at byte {_at}");
        }

        while (Next())
        {
            if (WireType != EndGroupType)
            {
                Skip();
                continue;
            }

            if (Field != field)
            {
                break;
            }

            _groupDepth--;
            return;
        }

        throw new WireException($"protobuf group {field} is not closed at byte {_at}");
    }

    private ulong LongVarint()
    {
        var value = 0UL;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if (_at >= _data.Length)
            {
                throw new WireException($"protobuf number is cut off at byte {_at}");
            }

            var b = _data[_at++];
            // The tenth byte holds only the top bit of a 64-bit number; the shift drops its other bits.
            value |= (ulong)(b & 0x7F) << shift;

            if (b < 0x80)
            {
                return value;
            }
        }

        throw new WireException($"protobuf number before byte {_at} is longer than 10 bytes");
    }

    private readonly void Expect(uint wireType)
    {
        if (WireType != wireType)
        {
            throw new WireException($"protobuf field {Field} has wire type {WireType} instead of {wireType}");
        }
    }

    private void Advance(int bytes)
    {
        if (_data.Length - _at < bytes)
        {
            throw new WireException($"protobuf field {Field} at byte {_at} extends beyond the end of the message");
        }

        _at += bytes;
    }
}
