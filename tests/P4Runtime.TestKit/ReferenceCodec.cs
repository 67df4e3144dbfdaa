using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using Google.Protobuf;
using P4.V1;

namespace ACCOffload.P4Runtime.TestKit;

/// <summary>
/// Converts entries to the generated protobuf classes in the simplest way, through an entry's display properties.
/// </summary>
internal static class ReferenceCodec
{
    public static Update Update(EntryUpdate update) => new()
    {
        Type = (Update.Types.Type)update.Kind,
        Entity = new Entity { TableEntry = Entry(update.Entry, update.Kind != UpdateKind.Delete) },
    };

    public static TableEntry Entry(Entry entry, bool withAction)
    {
        var message = new TableEntry { TableId = entry.Table.Id, Priority = entry.Priority };
        message.Match.AddRange(entry.EnumerateMatch().Where(m => !m.IsAny).Select(Match));
        if (!withAction)
        {
            return message;
        }

        switch (entry.Action.Kind)
        {
            case ActionKind.Direct:
                var action = new P4.V1.Action { ActionId = entry.Action.Id };
                action.Params.AddRange(
                    entry.EnumerateParams().Select(p => new P4.V1.Action.Types.Param { ParamId = p.Param.Id, Value = Shortest(p.Value) }));
                message.Action = new TableAction { Action = action };
                break;
            case ActionKind.ProfileMember:
                message.Action = new TableAction { ActionProfileMemberId = uint.Parse(entry.EnumerateParams().Single().ToValueString()) };
                break;
            case ActionKind.ProfileGroup:
                message.Action = new TableAction { ActionProfileGroupId = uint.Parse(entry.EnumerateParams().Single().ToValueString()) };
                break;
        }

        return message;
    }

    private static FieldMatch Match(MatchValue match)
    {
        var value = Shortest(match.Value);
        var field = new FieldMatch { FieldId = match.Field.Id };
        switch (match.Field.Kind)
        {
            case MatchKind.Exact:
                field.Exact = new FieldMatch.Types.Exact { Value = value };
                break;
            case MatchKind.Lpm:
                field.Lpm = new FieldMatch.Types.LPM { Value = value, PrefixLen = match.PrefixLength };
                break;
            case MatchKind.Ternary:
                field.Ternary = new FieldMatch.Types.Ternary { Value = value, Mask = Shortest(match.MaskOrHigh) };
                break;
            case MatchKind.Range:
                field.Range = new FieldMatch.Types.Range { Low = value, High = Shortest(match.MaskOrHigh) };
                break;
            case MatchKind.Optional:
                field.Optional = new FieldMatch.Types.Optional { Value = value };
                break;
        }

        return field;
    }

    private static ByteString Shortest(ReadOnlyMemory<byte> value)
    {
        var number = new System.Numerics.BigInteger(value.Span, isUnsigned: true, isBigEndian: true);
        return ByteString.CopyFrom(number.ToByteArray(isUnsigned: true, isBigEndian: true));
    }
}
