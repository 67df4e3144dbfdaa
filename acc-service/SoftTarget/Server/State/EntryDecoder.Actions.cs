using ACCOffload.SoftTarget.Server.Bind;
using ACCOffload.SoftTarget.Server.Wire;
using Google.Protobuf;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.State;

internal sealed partial class EntryDecoder
{
    private bool TryDecodeTableAction(ReadOnlySpan<byte> tableAction, bool normalized, out Outcome outcome)
    {
        var reader = new WireReader(tableAction);
        ReadOnlySpan<byte> body = default;
        outcome = Outcome.Ok;
        while (reader.Next(out var tag))
        {
            var kind = tag switch
            {
                (1 << 3) | WireReader.BytesType => EntryActionKind.Action,
                2 << 3 => EntryActionKind.Member,
                3 << 3 => EntryActionKind.Group,
                (4 << 3) | WireReader.BytesType => EntryActionKind.OneShot,
                _ => EntryActionKind.None,
            };
            if (kind == EntryActionKind.None)
            {
                reader.Skip();
                continue;
            }

            if (ActionKind != EntryActionKind.None && !normalized)
            {
                return false;
            }

            ActionKind = kind;
            if (kind is EntryActionKind.Member or EntryActionKind.Group)
            {
                Reference = (uint)reader.Varint();
            }
            else
            {
                body = reader.Bytes();
            }
        }

        outcome = ActionKind switch
        {
            EntryActionKind.None => Outcome.Invalid($"table {Table.Name}: the action is empty"),
            EntryActionKind.Action => Table.Profile is null || IsDefault
                ? DecodeEntryAction(body)
                : Outcome.Invalid($"table {Table.Name} requires members of {Table.Profile.Name}, not actions"),
            _ when Table.Profile is null => Outcome.Invalid($"table {Table.Name} requires actions: it has no action profile"),
            EntryActionKind.Group or EntryActionKind.OneShot when Table.SetGroupAction < 0
                => Outcome.Invalid($"table {Table.Name}: action profile {Table.Profile.Name} has no selector and therefore no groups"),
            EntryActionKind.OneShot => ParseOneShot(body),
            _ => Outcome.Ok,
        };
        return true;
    }

    private Outcome DecodeEntryAction(ReadOnlySpan<byte> body)
    {
        var outcome = DecodeAction(body, Table.Actions, Table.Label, _data, out var action);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        Action = action!;
        _dataBytes = action!.DataBytes;
        return (IsDefault ? action.ForDefault : action.ForEntries)
            ? Outcome.Ok
            : Outcome.Denied(
                $"table {Table.Name}: action {action.Action.Name} is allowed only for {(IsDefault ? "entries" : "the default entry")}");
    }

    /// <summary>Decodes an Action into the engine's action data.</summary>
    /// <exception cref="WireException">The bytes are not an Action.</exception>
    public static Outcome DecodeAction(
        ReadOnlySpan<byte> bytes, BoundTableAction[] allowed, string where, Span<byte> data, out BoundTableAction? action)
    {
        action = null;
        var id = 0u;
        var reader = new WireReader(bytes);
        while (reader.Next(out var tag))
        {
            if (tag == 1 << 3)
            {
                id = (uint)reader.Varint();
            }
            else
            {
                reader.Skip();
            }
        }

        foreach (var candidate in allowed)
        {
            if (candidate.Action.Id == id)
            {
                action = candidate;
            }
        }

        return action is null
            ? Outcome.Invalid(id == 0 ? $"{where}: action_id is missing" : $"{where} has no action {id}")
            : DecodeParams(bytes, action, where, data);
    }

    private static Outcome DecodeParams(ReadOnlySpan<byte> bytes, BoundTableAction action, string where, Span<byte> data)
    {
        var parameters = action.Action.Params;
        Span<bool> seen = stackalloc bool[parameters.Length];
        data[..action.DataBytes].Clear();
        var reader = new WireReader(bytes);
        while (reader.Next(out var tag))
        {
            if (tag != ((4 << 3) | WireReader.BytesType))
            {
                reader.Skip();
                continue;
            }

            var outcome = DecodeParam(reader.Bytes(), action, where, data, seen);
            if (!outcome.IsOk)
            {
                return outcome;
            }
        }

        var missing = seen.IndexOf(false);
        return missing < 0
            ? Outcome.Ok
            : Outcome.Invalid($"{where}, action {action.Action.Name}: parameter {parameters[missing].Name} is missing");
    }

    private static Outcome DecodeParam(ReadOnlySpan<byte> bytes, BoundTableAction action, string where, Span<byte> data, Span<bool> seen)
    {
        var id = 0u;
        ReadOnlySpan<byte> value = default;
        var reader = new WireReader(bytes);
        while (reader.Next(out var tag))
        {
            switch (tag)
            {
                case 2 << 3:
                    id = (uint)reader.Varint();
                    break;
                case (3 << 3) | WireReader.BytesType:
                    value = reader.Bytes();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        var parameters = action.Action.Params;
        var index = (int)Math.Min(id - 1, int.MaxValue);
        if (index >= parameters.Length || parameters[index].Id != id)
        {
            index = Array.FindIndex(parameters, p => p.Id == id);
        }

        if (index < 0)
        {
            return Outcome.Invalid($"{where}, action {action.Action.Name} has no parameter {id}");
        }

        if (seen[index])
        {
            return Outcome.Invalid($"{where}, action {action.Action.Name}: parameter {parameters[index].Name} is given twice");
        }

        seen[index] = true;
        var (offset, width) = action.Places[index];
        return BitString.TryPack(value, parameters[index].Bits, data.Slice(offset, width))
            ? Outcome.Ok
            : Outcome.OutOfRange(
                $"{where}, action {action.Action.Name}, parameter {parameters[index].Name}: "
                    + BitString.Describe(value, parameters[index].Bits));
    }

    private Outcome ParseOneShot(ReadOnlySpan<byte> body)
    {
        try
        {
            OneShot = ActionProfileActionSet.Parser.ParseFrom(body);
            return Outcome.Ok;
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new WireException(e.Message);
        }
    }
}
