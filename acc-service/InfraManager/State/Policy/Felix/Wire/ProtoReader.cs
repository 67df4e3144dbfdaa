using System.Buffers.Binary;
using System.Text;

namespace ACCOffload.InfraManager.State.Policy.Felix.Wire;

/// <summary>
/// Reads one protobuf message field by field, by its numbers: Felix's messages differ by version and do not name it. Never throws. The
/// first error ends the message for good, and <see cref="IsMalformed"/> is true then.
/// </summary>
/// <param name="message">The message without a length in front. Source: the encoding guide of protobuf.dev.</param>
internal ref struct ProtoReader(ReadOnlySpan<byte> message)
{
    private const int MaxField = (1 << 29) - 1;
    private const int VarintBytes = 10;

    private ReadOnlySpan<byte> _rest = message;
    private ReadOnlySpan<byte> _value;
    private ulong _number;
    private ProtoType _type;

    /// <summary>The number of the current field.</summary>
    public int Field { get; private set; }

    /// <summary>Whether the message ended early, or a field was not of the type that was asked for.</summary>
    public bool IsMalformed { get; private set; }

    /// <summary>Moves to the next field. False at the end of the message and after an error.</summary>
    public bool MoveNext()
    {
        if (IsMalformed || _rest.IsEmpty)
        {
            return false;
        }

        if (!TryVarint(out var tag) || tag >> 3 is 0 or > MaxField)
        {
            return Fail();
        }

        Field = (int)(tag >> 3);
        _type = (ProtoType)(tag & 7);
        switch (_type)
        {
            case ProtoType.Varint:
                return TryVarint(out _number) || Fail();
            case ProtoType.Fixed64:
                return TryTake(8) || Fail();
            case ProtoType.Fixed32:
                return TryTake(4) || Fail();
            case ProtoType.Bytes:
                return (TryVarint(out var length) && length <= (ulong)_rest.Length && TryTake((int)length)) || Fail();
            default:
                // Groups are deprecated, and Felix has none.
                return Fail();
        }
    }

    /// <summary>The current field as bytes: a text or a nested message.</summary>
    public ReadOnlySpan<byte> Bytes()
    {
        if (_type == ProtoType.Bytes)
        {
            return _value;
        }

        Fail();
        return default;
    }

    /// <summary>The current field as text. What is no UTF-8 becomes U+FFFD.</summary>
    public string Text() => Encoding.UTF8.GetString(Bytes());

    /// <summary>The current field as a nested message.</summary>
    public ProtoReader Message() => new(Bytes());

    /// <summary>The current field as a number of up to 64 bits.</summary>
    public ulong Number()
    {
        if (_type == ProtoType.Varint)
        {
            return _number;
        }

        Fail();
        return 0;
    }

    /// <summary>The current field as an IEEE 754 number of 64 bits; false if it is of another type.</summary>
    public readonly bool TryDouble(out double number)
    {
        number = _type == ProtoType.Fixed64 ? BinaryPrimitives.ReadDoubleLittleEndian(_value) : 0;
        return _type == ProtoType.Fixed64;
    }

    /// <summary>The current field as int32 or enum: the low 32 bits, as protobuf has it.</summary>
    public int Int() => (int)Number();

    /// <summary>The message has an error that only its reader can see, such as a nested message that is malformed.</summary>
    public bool Fail()
    {
        IsMalformed = true;
        _rest = default;
        _value = default;
        return false;
    }

    private bool TryTake(int length)
    {
        if (_rest.Length < length)
        {
            return false;
        }

        _value = _rest[..length];
        _rest = _rest[length..];
        return true;
    }

    private bool TryVarint(out ulong number)
    {
        number = 0;
        for (var i = 0; i < Math.Min(VarintBytes, _rest.Length); i++)
        {
            number |= (ulong)(_rest[i] & 0x7f) << (7 * i);
            if (_rest[i] < 0x80)
            {
                _rest = _rest[(i + 1)..];
                return true;
            }
        }

        return false;
    }
}
