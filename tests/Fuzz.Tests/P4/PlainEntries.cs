using System.Numerics;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using Google.Protobuf;
using P4.V1;
using MatchCase = P4.V1.FieldMatch.FieldMatchTypeOneofCase;

namespace ACCOffload.Fuzz.Tests.P4;

/// <summary>Decodes a Read response with the generated classes and big integers into text for comparison.</summary>
internal static class PlainEntries
{
    /// <summary>Null if the message does not match the pipeline.</summary>
    public static List<string>? Of(ReadResponse response, Pipeline pipeline)
    {
        var entries = new List<string>();
        foreach (var entity in response.Entities)
        {
            // An empty entity. One of an unknown kind has unknown fields, so it is rejected below.
            if (entity.EntityCase == Entity.EntityOneofCase.None && entity.CalculateSize() == 0)
            {
                continue;
            }

            if (entity.EntityCase != Entity.EntityOneofCase.TableEntry)
            {
                return null;
            }

            var entry = entity.TableEntry;
            // Default, learned and constant entries are ignored.
            if (entry.IsDefaultAction || entry.IdleTimeoutNs != 0 || entry.IsConst || entry.TimeSinceLastHit is not null)
            {
                continue;
            }

            if (Text(entry, pipeline) is not { } text)
            {
                return null;
            }

            entries.Add(text);
        }

        return entries;
    }

    public static string Of(Entry entry)
    {
        var matches = entry.EnumerateMatch().Select(m => m.IsAny ? $"{m.Field.Name}=*" : m.Field.Kind switch
        {
            MatchKind.Exact or MatchKind.Optional => $"{m.Field.Name}={Number(m.Value.Span)}",
            MatchKind.Lpm => $"{m.Field.Name}={Number(m.Value.Span)}/{m.PrefixLength}",
            MatchKind.Ternary => $"{m.Field.Name}={Number(m.Value.Span)}&{Number(m.MaskOrHigh.Span)}",
            _ => $"{m.Field.Name}={Number(m.Value.Span)}-{Number(m.MaskOrHigh.Span)}",
        });
        return $"{entry.Table.Alias} {string.Join(' ', matches)} {(entry.Table.NeedsPriority ? entry.Priority : 0)} "
            + $"{entry.Action.Kind} {entry.Action.Alias} {string.Join(' ', entry.EnumerateParams().Select(p => Number(p.Value.Span)))}";
    }

    private static string? Text(TableEntry entry, Pipeline pipeline)
    {
        if (pipeline.Tables.FirstOrDefault(t => t.Id == entry.TableId) is not { } table || (table.NeedsPriority && entry.Priority < 0))
        {
            return null;
        }

        if (entry.Match.Select(m => m.FieldId).Distinct().Count() != entry.Match.Count
            || entry.Match.Any(m => table.Fields.All(f => f.Id != m.FieldId)))
        {
            return null;
        }

        var matches = new List<string>();
        foreach (var field in table.Fields)
        {
            if (entry.Match.FirstOrDefault(m => m.FieldId == field.Id) is not { } match)
            {
                if (field.Kind == MatchKind.Exact)
                {
                    return null;
                }

                matches.Add($"{field.Name}=*");
            }
            else if (Match(field, match) is { } text)
            {
                matches.Add(text);
            }
            else
            {
                return null;
            }
        }

        return Action(entry.Action, table) is { } action
            ? $"{table.Alias} {string.Join(' ', matches)} {(table.NeedsPriority ? entry.Priority : 0)} {action}"
            : null;
    }

    private static string? Match(MatchFieldSchema field, FieldMatch match)
    {
        bool Fits(ByteString value) => !value.IsEmpty && Number(value.Span) < BigInteger.One << field.BitWidth;
        switch (field.Kind)
        {
            case MatchKind.Exact when match.FieldMatchTypeCase == MatchCase.Exact && Fits(match.Exact.Value):
                return $"{field.Name}={Number(match.Exact.Value.Span)}";
            case MatchKind.Optional when match.FieldMatchTypeCase == MatchCase.Optional && Fits(match.Optional.Value):
                return $"{field.Name}={Number(match.Optional.Value.Span)}";
            case MatchKind.Lpm when match.FieldMatchTypeCase == MatchCase.Lpm && Fits(match.Lpm.Value) && match.Lpm.PrefixLen >= 0
                && match.Lpm.PrefixLen <= field.BitWidth:
                var host = field.BitWidth - match.Lpm.PrefixLen;
                return match.Lpm.PrefixLen == 0
                    ? $"{field.Name}=*"
                    : $"{field.Name}={(Number(match.Lpm.Value.Span) >> host) << host}/{match.Lpm.PrefixLen}";
            case MatchKind.Ternary when match.FieldMatchTypeCase == MatchCase.Ternary && Fits(match.Ternary.Value)
                && Fits(match.Ternary.Mask):
                var mask = Number(match.Ternary.Mask.Span);
                return mask == 0 ? $"{field.Name}=*" : $"{field.Name}={Number(match.Ternary.Value.Span) & mask}&{mask}";
            case MatchKind.Range when match.FieldMatchTypeCase == MatchCase.Range && Fits(match.Range.Low) && Fits(match.Range.High):
                var (low, high) = (Number(match.Range.Low.Span), Number(match.Range.High.Span));
                return low == 0 && high == (BigInteger.One << field.BitWidth) - 1 ? $"{field.Name}=*" : $"{field.Name}={low}-{high}";
            default:
                return null;
        }
    }

    private static string? Action(TableAction? action, TableSchema table)
    {
        switch (action?.TypeCase ?? TableAction.TypeOneofCase.None)
        {
            case TableAction.TypeOneofCase.None:
                return $"{ActionKind.None}  ";
            case TableAction.TypeOneofCase.Action:
                var direct = action!.Action;
                if (table.Actions.FirstOrDefault(a => a.Id == direct.ActionId) is not { } known
                    || direct.Params.Count != known.Params.Count)
                {
                    return null;
                }

                var values = new List<string>();
                foreach (var param in known.Params)
                {
                    if (direct.Params.Where(p => p.ParamId == param.Id).ToArray() is not [var given] || given.Value.IsEmpty
                        || Number(given.Value.Span) >= BigInteger.One << param.BitWidth)
                    {
                        return null;
                    }

                    values.Add(Number(given.Value.Span).ToString());
                }

                return $"{ActionKind.Direct} {known.Alias} {string.Join(' ', values)}";
            case TableAction.TypeOneofCase.ActionProfileMemberId when table.HasActionProfile:
                return $"{ActionKind.ProfileMember} action_profile_member {action!.ActionProfileMemberId}";
            case TableAction.TypeOneofCase.ActionProfileGroupId when table.HasActionProfile:
                return $"{ActionKind.ProfileGroup} action_profile_group {action!.ActionProfileGroupId}";
            default:
                return null;
        }
    }

    private static BigInteger Number(ReadOnlySpan<byte> value) => new(value, isUnsigned: true, isBigEndian: true);
}
