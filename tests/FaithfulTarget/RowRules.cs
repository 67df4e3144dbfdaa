using System.Numerics;
using Google.Protobuf;
using P4.Config.V1;
using P4.V1;
using MatchType = P4.Config.V1.MatchField.Types.MatchType;

namespace ACCOffload.FaithfulTarget;

/// <summary>
/// The P4Runtime specification's rules for a row: which rows are well-formed, and when two have the same key. Independent of the
/// product's client.
/// </summary>
internal sealed class RowRules(LoadedPipeline pipeline)
{
    /// <summary>Checks a row's key and makes it canonical: fields in order, values without leading zeros.</summary>
    /// <param name="table">The row's table.</param>
    /// <param name="row">The row; only its key is changed.</param>
    public static Outcome CheckKey(Table table, TableEntry row)
    {
        var needsPriority = false;
        foreach (var field in row.Match.GroupBy(m => m.FieldId))
        {
            if (field.Count() > 1 || !table.MatchFields.Any(f => f.Id == field.Key))
            {
                return Outcome.Invalid($"table {table.Preamble.Name}: match field {field.Key} is unknown or duplicate");
            }
        }

        foreach (var field in table.MatchFields)
        {
            needsPriority |= field.MatchType is MatchType.Ternary or MatchType.Range or MatchType.Optional;
            var match = row.Match.FirstOrDefault(m => m.FieldId == field.Id);
            if (match is null ? field.MatchType == MatchType.Exact : !CheckField(field, match))
            {
                return Outcome.Invalid($"table {table.Preamble.Name}: match field {field.Name} is missing or malformed");
            }
        }

        if (needsPriority != row.Priority > 0)
        {
            return Outcome.Invalid($"table {table.Preamble.Name}: a priority is {(needsPriority ? "needed" : "not allowed")}");
        }

        FieldMatch[] sorted = [.. row.Match.OrderBy(m => m.FieldId)];
        row.Match.Clear();
        row.Match.AddRange(sorted);
        return Outcome.Ok;
    }

    /// <summary>The identity of a row within its table. The row must be canonical.</summary>
    public static ByteString KeyOf(TableEntry row) => new TableEntry { Match = { row.Match }, Priority = row.Priority }.ToByteString();

    /// <summary>Checks an action and makes its values canonical.</summary>
    public Outcome CheckAction(P4.V1.Action action, Func<uint, bool> allowed)
    {
        if (!pipeline.Actions.TryGetValue(action.ActionId, out var schema) || !allowed(action.ActionId))
        {
            return Outcome.Invalid($"action {action.ActionId} is not allowed here");
        }

        if (action.Params.Count != schema.Params.Count)
        {
            return Outcome.Invalid($"action {schema.Preamble.Name} has {schema.Params.Count} parameters, not {action.Params.Count}");
        }

        foreach (var param in action.Params)
        {
            var expected = schema.Params.FirstOrDefault(p => p.Id == param.ParamId);
            if (expected is null || !BitValue.Fits(param.Value, expected.Bitwidth)
                || action.Params.Count(p => p.ParamId == param.ParamId) != 1)
            {
                return Outcome.Invalid($"action {schema.Preamble.Name}: parameter {param.ParamId} is unknown, duplicate or malformed");
            }

            param.Value = BitValue.Canonical(param.Value);
        }

        return Outcome.Ok;
    }

    private static bool CheckField(MatchField field, FieldMatch match)
    {
        var width = field.Bitwidth;
        switch (field.MatchType, match.FieldMatchTypeCase)
        {
            case (MatchType.Exact, FieldMatch.FieldMatchTypeOneofCase.Exact):
                var fits = BitValue.Fits(match.Exact.Value, width);
                match.Exact.Value = BitValue.Canonical(match.Exact.Value);
                return fits;
            case (MatchType.Optional, FieldMatch.FieldMatchTypeOneofCase.Optional):
                fits = BitValue.Fits(match.Optional.Value, width);
                match.Optional.Value = BitValue.Canonical(match.Optional.Value);
                return fits;
            case (MatchType.Lpm, FieldMatch.FieldMatchTypeOneofCase.Lpm):
                var lpm = match.Lpm;
                // A field with prefix length 0 must be omitted.
                if (!BitValue.Fits(lpm.Value, width) || lpm.PrefixLen <= 0 || lpm.PrefixLen > width)
                {
                    return false;
                }

                lpm.Value = BitValue.Canonical(lpm.Value);
                return (BitValue.Number(lpm.Value) & ((BigInteger.One << (width - lpm.PrefixLen)) - 1)).IsZero;
            case (MatchType.Ternary, FieldMatch.FieldMatchTypeOneofCase.Ternary):
                var ternary = match.Ternary;
                if (!BitValue.Fits(ternary.Value, width) || !BitValue.Fits(ternary.Mask, width))
                {
                    return false;
                }

                (ternary.Value, ternary.Mask) = (BitValue.Canonical(ternary.Value), BitValue.Canonical(ternary.Mask));
                var mask = BitValue.Number(ternary.Mask);
                return !mask.IsZero && (BitValue.Number(ternary.Value) & ~mask).IsZero;
            case (MatchType.Range, FieldMatch.FieldMatchTypeOneofCase.Range):
                var range = match.Range;
                if (!BitValue.Fits(range.Low, width) || !BitValue.Fits(range.High, width))
                {
                    return false;
                }

                (range.Low, range.High) = (BitValue.Canonical(range.Low), BitValue.Canonical(range.High));
                return BitValue.Number(range.Low) <= BitValue.Number(range.High);
            default:
                return false;
        }
    }
}
