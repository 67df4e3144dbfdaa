using ACCOffload.SoftTarget.Server.Bind;
using ACCOffload.SoftTarget.Server.Wire;
using MatchType = P4.Config.V1.MatchField.Types.MatchType;

namespace ACCOffload.SoftTarget.Server.State;

internal sealed partial class EntryDecoder
{
    private const uint FieldIdTag = 1 << 3;

    private bool TryDecodeMatch(ReadOnlySpan<byte> match, bool normalized, out Outcome outcome)
    {
        var id = 0u;
        var kind = MatchType.Unspecified;
        ReadOnlySpan<byte> body = default;
        var reader = new WireReader(match);
        outcome = Outcome.Ok;
        while (reader.Next(out var tag))
        {
            if (tag == FieldIdTag)
            {
                id = (uint)reader.Varint();
                continue;
            }

            var given = tag switch
            {
                (2 << 3) | WireReader.BytesType => MatchType.Exact,
                (3 << 3) | WireReader.BytesType => MatchType.Ternary,
                (4 << 3) | WireReader.BytesType => MatchType.Lpm,
                (6 << 3) | WireReader.BytesType => MatchType.Range,
                (7 << 3) | WireReader.BytesType => MatchType.Optional,
                _ => MatchType.Unspecified,
            };
            if (given == MatchType.Unspecified)
            {
                reader.Skip();
                continue;
            }

            if (kind != MatchType.Unspecified && !normalized)
            {
                return false;
            }

            kind = given;
            body = reader.Bytes();
        }

        outcome = DecodeMatch(id, kind, body);
        return true;
    }

    private Outcome DecodeMatch(uint id, MatchType kind, ReadOnlySpan<byte> body)
    {
        var index = Table.FieldIndex(id);
        if (index < 0)
        {
            return Outcome.Invalid($"table {Table.Name} has no match field {id}");
        }

        var field = Table.Fields[index];
        if (_seen[index])
        {
            return Outcome.Invalid($"{Where(field)} is given twice");
        }

        _seen[index] = true;
        if (kind != field.Type)
        {
            return Outcome.Invalid(kind == MatchType.Unspecified
                ? $"{Where(field)} has no match"
                : $"{Where(field)} is {field.Type}, not {kind}");
        }

        ReadOnlySpan<byte> first = default;
        ReadOnlySpan<byte> second = default;
        var prefix = 0;
        var reader = new WireReader(body);
        while (reader.Next(out var tag))
        {
            switch (tag)
            {
                case (1 << 3) | WireReader.BytesType:
                    first = reader.Bytes();
                    break;
                case (2 << 3) | WireReader.BytesType:
                    second = reader.Bytes();
                    break;
                case (2 << 3) | WireReader.VarintType when kind == MatchType.Lpm:
                    prefix = (int)reader.Varint();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        var key = _key.AsSpan(field.Offset, field.Bytes);
        var mask = _mask.AsSpan(field.Offset, field.Bytes);
        if (!BitString.TryPack(first, field.Bits, key))
        {
            return OutOfRange(field, first);
        }

        switch (kind)
        {
            case MatchType.Exact:
                mask.Fill(0xFF);
                return Outcome.Ok;
            case MatchType.Optional:
                BitString.FillLow(mask, field.Bits);
                return Outcome.Ok;
            case MatchType.Lpm:
                return FinishLpm(field, prefix, key, mask);
            case MatchType.Ternary:
                return BitString.TryPack(second, field.Bits, mask) ? FinishTernary(field, key, mask) : OutOfRange(field, second);
            default:
                var high = _high.AsSpan(field.Offset, field.Bytes);
                return BitString.TryPack(second, field.Bits, high) ? FinishRange(field, key, high) : OutOfRange(field, second);
        }
    }

    private Outcome FinishLpm(BoundField field, int prefix, Span<byte> key, Span<byte> mask)
    {
        if (prefix == 0)
        {
            return Outcome.Invalid($"{Where(field)}: a prefix of length 0 matches everything and must be omitted");
        }

        if (prefix < 0 || prefix > field.Bits)
        {
            return Outcome.Invalid($"{Where(field)}: invalid prefix length {prefix} (1 to {field.Bits})");
        }

        // The bits above the P4 field are p4c's zero padding.
        BitString.FillHigh(mask, field.Padding + prefix);
        return BitString.Exceeds(key, mask)
            ? Outcome.Invalid($"{Where(field)}: the value has bits beyond prefix length {prefix}")
            : Outcome.Ok;
    }

    private Outcome FinishTernary(BoundField field, Span<byte> key, Span<byte> mask)
    {
        if (BitString.IsZero(mask))
        {
            return Outcome.Invalid($"{Where(field)}: a zero mask matches everything and must be omitted");
        }

        return BitString.Exceeds(key, mask)
            ? Outcome.Invalid($"{Where(field)}: the value has bits outside the mask")
            : Outcome.Ok;
    }

    private Outcome FinishRange(BoundField field, Span<byte> low, Span<byte> high)
    {
        if (low.SequenceCompareTo(high) > 0)
        {
            return Outcome.Invalid($"{Where(field)}: the low bound is above the high bound");
        }

        Span<byte> full = stackalloc byte[field.Bytes];
        BitString.FillLow(full, field.Bits);
        return BitString.IsZero(low) && high.SequenceEqual(full)
            ? Outcome.Invalid($"{Where(field)}: the full range matches everything and must be omitted")
            : Outcome.Ok;
    }

    private string Where(BoundField field) => $"table {Table.Name}, match field {field.Name}";

    private Outcome OutOfRange(BoundField field, ReadOnlySpan<byte> value)
        => Outcome.OutOfRange($"{Where(field)}: {BitString.Describe(value, field.Bits)}");
}
