namespace ACCOffload.SoftTarget.Server.Wire;

/// <summary>The bytes are no protobuf message.</summary>
internal sealed class WireException(string message) : Exception(message);

/// <summary>
/// Reads protobuf's wire form in place. Writes come by the hundred thousand, and a generated object for each would cost
/// more than the table change itself.
/// </summary>
internal ref struct WireReader(ReadOnlySpan<byte> data)
{
    public const int VarintType = 0;
    public const int Fixed64Type = 1;
    public const int BytesType = 2;
    public const int Fixed32Type = 5;
    private const int StartGroupType = 3;
    private const int EndGroupType = 4;
    private const int MaxDepth = 64;

    private readonly ReadOnlySpan<byte> _data = data;
    private int _at;
    private int _depth;

    /// <summary>Reads the next tag (field number × 8 + wire type); false at the end.</summary>
    public bool Next(out uint tag)
    {
        if (_at >= _data.Length)
        {
            tag = 0;
            return false;
        }

        var value = Varint();
        if (value > uint.MaxValue || value < 8)
        {
            throw new WireException($"bad field tag at byte {_at}");
        }

        tag = (uint)value;
        return true;
    }

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

    public ReadOnlySpan<byte> Bytes()
    {
        var length = Varint();
        if (length > (ulong)(_data.Length - _at))
        {
            throw new WireException($"a field at byte {_at} reaches beyond the end");
        }

        var bytes = _data.Slice(_at, (int)length);
        _at += (int)length;
        return bytes;
    }

    public void Skip(uint tag)
    {
        switch (tag & 7)
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
                SkipGroup(tag >> 3);
                break;
            default:
                throw new WireException($"unexpected wire type {tag & 7} at byte {_at}");
        }
    }

    /// <summary>Skips a group of proto2; nobody sends one, but it is legal in what a newer peer may add.</summary>
    private void SkipGroup(uint field)
    {
        if (++_depth > MaxDepth)
        {
            throw new WireException($"groups are nested too deep at byte {_at}");
        }

        while (Next(out var tag))
        {
            if ((tag & 7) != EndGroupType)
            {
                Skip(tag);
                continue;
            }

            if (tag >> 3 != field)
            {
                break;
            }

            _depth--;
            return;
        }

        throw new WireException($"a group is not closed at byte {_at}");
    }


    private ulong LongVarint()
    {
        var value = 0UL;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if (_at >= _data.Length)
            {
                throw new WireException($"a number at byte {_at} is cut off");
            }

            var b = _data[_at++];
            if (shift < 64)
            {
                value |= (ulong)(b & 0x7F) << shift;
            }

            if (b < 0x80)
            {
                return value;
            }
        }

        throw new WireException($"a number before byte {_at} is too long");
    }

    private void Advance(int bytes)
    {
        if (_data.Length - _at < bytes)
        {
            throw new WireException($"a field at byte {_at} reaches beyond the end");
        }

        _at += bytes;
    }
}
