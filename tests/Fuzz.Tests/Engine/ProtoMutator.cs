using System.Buffers.Binary;

namespace ACCOffload.Fuzz.Tests.Engine;

/// <summary>
/// Mutates a protobuf message but keeps most of its structure: fields are dropped, duplicated, moved or replaced by those of another
/// message, and get boundary values, other wire types, wrong lengths and nested messages. One in three is also mutated bytewise.
/// </summary>
internal static class ProtoMutator
{
    private const int Varint = 0;
    private const int Fixed64 = 1;
    private const int Delimited = 2;
    private const int Fixed32 = 5;

    private readonly record struct Field(ulong Tag, ulong Number, byte[] Payload)
    {
        public int WireType => (int)(Tag & 7);
    }

    /// <param name="dice">Random choices.</param>
    /// <param name="message">A message, mostly well-formed.</param>
    /// <param name="other">A message to take parts from.</param>
    public static byte[] Mutate(Dice dice, byte[] message, byte[] other)
    {
        var changed = message;
        for (var changes = dice.Between(1, 3); changes > 0; changes--)
        {
            changed = Change(dice, changed, other, 0);
        }

        if (dice.OneIn(3))
        {
            changed = ByteMutator.Mutate(dice, changed);
        }

        return changed.Length <= ByteMutator.MaxLength ? changed : changed[..ByteMutator.MaxLength];
    }

    private static byte[] Change(Dice dice, byte[] message, byte[] other, int depth)
    {
        if (Parse(message) is not { Count: > 0 } fields)
        {
            return dice.OneIn(4) ? dice.Bytes(dice.Below(20)) : ByteMutator.Mutate(dice, message, 1);
        }

        var at = dice.Below(fields.Count);
        var field = fields[at];

        // Descend with high probability, because deep fields would otherwise rarely be hit.
        if (field.WireType == Delimited && depth < 8 && !dice.OneIn(3) && Parse(field.Payload) is { Count: > 0 })
        {
            var inner = Parse(other) is { Count: > 0 } others ? others[dice.Below(others.Count)].Payload : other;
            fields[at] = field with { Payload = Change(dice, field.Payload, inner, depth + 1) };
            return Write(fields);
        }

        switch (dice.Below(9))
        {
            case 0:
                fields.RemoveAt(at);
                break;
            case 1:
                for (var copies = dice.Pick(1, 1, 1, 2, 20, 100); copies > 0; copies--)
                {
                    fields.Insert(dice.Below(fields.Count + 1), field);
                }

                break;
            case 2:
                var to = dice.Below(fields.Count);
                (fields[at], fields[to]) = (fields[to], fields[at]);
                break;
            case 3 when Parse(other) is { Count: > 0 } others:
                fields[at] = dice.OneIn(2)
                    ? others[dice.Below(others.Count)]
                    : field with { Payload = others[dice.Below(others.Count)].Payload };
                break;
            case 4:
                fields[at] = field with
                {
                    Tag = (dice.OneIn(2) ? (ulong)dice.Between(1, 12) << 3 : field.Tag & ~7ul)
                    | (uint)dice.Pick(Varint, Fixed64, Delimited, Fixed32)
                };
                break;
            case 5:
                // Nested messages.
                var nested = field.Payload;
                for (var levels = dice.Pick(1, 2, 50, 120); levels > 0; levels--)
                {
                    nested = Write([new Field((field.Tag & ~7ul) | Delimited, 0, nested)]);
                }

                fields[at] = new Field((field.Tag & ~7ul) | Delimited, 0, nested);
                break;
            case 6 when field.WireType == Delimited:
                // A wrong length.
                var bytes = new List<byte>(Write(fields[..at]));
                WriteVarint(bytes, field.Tag);
                WriteVarint(bytes, dice.OneIn(2) ? (ulong)Math.Max(0, field.Payload.Length + dice.Between(-2, 2)) : dice.OddNumber());
                bytes.AddRange(field.Payload);
                bytes.AddRange(Write(fields[(at + 1)..]));
                return [.. bytes];
            default:
                fields[at] = field.WireType switch
                {
                    Delimited => field with { Payload = Text(dice, field.Payload) },
                    Varint => field with { Number = Number(dice, field.Number) },
                    // Little-endian; Write cuts it to the field's size.
                    _ => field with { Payload = BitConverter.GetBytes(Number(dice, Fixed(field.Payload))) },
                };
                break;
        }

        return Write(fields);
    }

    private static ulong Number(Dice dice, ulong old) => dice.OneIn(3) ? old + (ulong)(long)dice.Between(-2, 2) : dice.OddNumber();

    private static ulong Fixed(ReadOnlySpan<byte> payload)
    {
        Span<byte> number = stackalloc byte[sizeof(ulong)];
        payload[..Math.Min(payload.Length, number.Length)].CopyTo(number);
        return BinaryPrimitives.ReadUInt64LittleEndian(number);
    }

    private static byte[] Text(Dice dice, byte[] old) => dice.Below(4) switch
    {
        0 => System.Text.Encoding.UTF8.GetBytes(dice.OddText()),
        1 => dice.Bytes(dice.Pick(0, 1, 3, 4, 5, 6, 7, 16, 17)),
        2 => new byte[dice.Pick(4, 6, 16)],
        _ => ByteMutator.Mutate(dice, old, 1),
    };

    private static List<Field>? Parse(ReadOnlySpan<byte> bytes)
    {
        var fields = new List<Field>();
        while (!bytes.IsEmpty)
        {
            if (!ReadVarint(ref bytes, out var tag) || tag >> 3 == 0)
            {
                return null;
            }

            ulong number = 0;
            byte[] payload = [];
            switch (tag & 7)
            {
                case Varint:
                    if (!ReadVarint(ref bytes, out number))
                    {
                        return null;
                    }

                    break;
                case Delimited:
                    if (!ReadVarint(ref bytes, out var length) || length > (ulong)bytes.Length)
                    {
                        return null;
                    }

                    payload = bytes[..(int)length].ToArray();
                    bytes = bytes[(int)length..];
                    break;
                case Fixed32 or Fixed64:
                    var size = (tag & 7) == Fixed32 ? 4 : 8;
                    if (bytes.Length < size)
                    {
                        return null;
                    }

                    payload = bytes[..size].ToArray();
                    bytes = bytes[size..];
                    break;
                default:
                    return null;
            }

            fields.Add(new Field(tag, number, payload));
        }

        return fields;
    }

    private static byte[] Write(List<Field> fields)
    {
        var bytes = new List<byte>();
        foreach (var field in fields)
        {
            WriteVarint(bytes, field.Tag);
            switch (field.WireType)
            {
                case Varint:
                    WriteVarint(bytes, field.Number);
                    break;
                case Delimited:
                    WriteVarint(bytes, (ulong)field.Payload.Length);
                    bytes.AddRange(field.Payload);
                    break;
                case Fixed32 or Fixed64:
                    var size = field.WireType == Fixed32 ? 4 : 8;
                    for (var i = 0; i < size; i++)
                    {
                        bytes.Add(i < field.Payload.Length ? field.Payload[i] : (byte)0);
                    }

                    break;
            }
        }

        return [.. bytes];
    }

    private static bool ReadVarint(ref ReadOnlySpan<byte> bytes, out ulong value)
    {
        value = 0;
        for (var i = 0; i < Math.Min(10, bytes.Length); i++)
        {
            value |= (ulong)(bytes[i] & 0x7F) << (7 * i);
            if (bytes[i] >= 0x80)
            {
                continue;
            }

            bytes = bytes[(i + 1)..];
            return true;
        }

        return false;
    }

    private static void WriteVarint(List<byte> bytes, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
    }
}
