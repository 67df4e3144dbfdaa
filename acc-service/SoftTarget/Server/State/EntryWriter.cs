using ACCOffload.SoftTarget.Server.Bind;
using Google.Protobuf;
using MatchType = P4.Config.V1.MatchField.Types.MatchType;

namespace ACCOffload.SoftTarget.Server.State;

/// <summary>Writes engine entries as P4Runtime messages, with values in canonical form.</summary>
internal static class EntryWriter
{
    private const uint ActionIdField = 1;

    /// <summary>Writes all match fields of an entry.</summary>
    public static void Matches(ref BackwardWriter writer, BoundTable table, scoped in TableRow row)
    {
        for (var i = table.Fields.Length - 1; i >= 0; i--)
        {
            var field = table.Fields[i];
            Match(
                ref writer,
                field,
                row.Key.Slice(field.Offset, field.Bytes),
                table.HasMask ? row.Mask.Slice(field.Offset, field.Bytes) : default);
        }
    }

    /// <summary>Writes a match field unless it matches everything. For a range field the mask is the upper bound.</summary>
    public static void Match(ref BackwardWriter writer, BoundField field, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask)
    {
        var start = writer.Length;
        switch (field.Type)
        {
            case MatchType.Exact:
                writer.BitString(1, key);
                writer.Message(2, start);
                break;
            case MatchType.Lpm:
                var prefix = BitString.PrefixLength(mask) - field.Padding;
                if (prefix <= 0)
                {
                    return;
                }

                writer.Number(2, (ulong)prefix);
                writer.BitString(1, key);
                writer.Message(4, start);
                break;
            case MatchType.Ternary:
                if (BitString.IsZero(mask))
                {
                    return;
                }

                writer.BitString(2, mask);
                writer.BitString(1, key);
                writer.Message(3, start);
                break;
            case MatchType.Optional:
                if (BitString.IsZero(mask))
                {
                    return;
                }

                writer.BitString(1, key);
                writer.Message(7, start);
                break;
            default:
                Span<byte> full = stackalloc byte[field.Bytes];
                BitString.FillLow(full, field.Bits);
                if (BitString.IsZero(key) && mask.SequenceEqual(full))
                {
                    return;
                }

                writer.BitString(2, mask);
                writer.BitString(1, key);
                writer.Message(6, start);
                break;
        }

        writer.Number(1, field.Id);
        writer.Message(2, start);
    }

    /// <summary>Writes an Action message as a field.</summary>
    public static void Action(ref BackwardWriter writer, uint field, BoundTableAction action, ReadOnlySpan<byte> data)
    {
        var start = writer.Length;
        var parameters = action.Action.Params;
        for (var i = parameters.Length - 1; i >= 0; i--)
        {
            var (offset, bytes) = action.Places[i];
            var parameter = writer.Length;
            writer.BitString(3, data.Slice(offset, bytes));
            writer.Number(2, parameters[i].Id);
            writer.Message(4, parameter);
        }

        writer.Number(ActionIdField, action.Action.Id);
        writer.Message(field, start);
    }

    /// <summary>Creates an Action object.</summary>
    public static P4.V1.Action ActionMessage(BoundTableAction action, ReadOnlySpan<byte> data)
    {
        var message = new P4.V1.Action { ActionId = action.Action.Id };
        for (var i = 0; i < action.Places.Length; i++)
        {
            var (offset, bytes) = action.Places[i];
            message.Params.Add(new P4.V1.Action.Types.Param
            {
                ParamId = action.Action.Params[i].Id,
                Value = ByteString.CopyFrom(BitString.Canonical(data.Slice(offset, bytes))),
            });
        }

        return message;
    }

    public static void Counter(ref BackwardWriter writer, uint field, ulong packets, ulong bytes)
    {
        var start = writer.Length;
        writer.Number(2, packets);
        writer.Number(1, bytes);
        writer.Message(field, start);
    }
}
