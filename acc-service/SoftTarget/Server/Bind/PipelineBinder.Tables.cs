using ACCOffload.SoftTarget.Engine;
using P4.Config.V1;
using MatchType = P4.Config.V1.MatchField.Types.MatchType;

namespace ACCOffload.SoftTarget.Server.Bind;

internal sealed partial class PipelineBinder
{
    // A range is covered by prefixes of 64-bit numbers.
    private const int MaxRangeBits = 64;

    private BoundTable BindTable(Table table)
    {
        var name = NameOf(table.Preamble);
        if (table.Preamble is null)
        {
            throw new PipelineException("p4info: a table has no preamble");
        }

        var context = _names.Table(table.Preamble);
        foreach (var candidate in SpecNames.ForTable(context, table.Preamble))
        {
            if (_program.FindTable(candidate) is { } spec)
            {
                return BindTable(table, name, context, spec);
            }

            if (_program.FindLearner(candidate) is { } learner)
            {
                return BindLearner(table, name, context, learner);
            }
        }

        throw new PipelineException($"table {name} is in p4info but not in the .spec");
    }

    private BoundTable BindTable(Table table, string name, ContextTable? context, SwxTable spec)
    {
        var profile = table.ImplementationId == 0 ? null
            : _profiles.GetValueOrDefault(table.ImplementationId)
                ?? throw new PipelineException($"table {name}: its implementation {table.ImplementationId} is not in p4info");
        var actions = BindActions(table, name, context, profile is null ? spec.Actions : MemberTable(profile).Actions);
        return new BoundTable
        {
            Id = table.Preamble.Id,
            Name = name,
            Engine = spec.Index,
            IsLearner = false,
            IsConst = table.IsConstTable,
            Fields = BindFields(table, name, context, spec.Key),
            KeyBytes = spec.KeyBytes,
            HasMask = spec.Kind != SwxMatchKind.Exact,
            Actions = actions,
            DefaultIsConst = spec.DefaultIsConst || table.ConstDefaultActionId != 0 || profile is not null,
            HasIdleTimeout = table.IdleTimeoutBehavior != Table.Types.IdleTimeoutBehavior.NoTimeout,
            Profile = profile,
            SetMemberAction = profile is null ? -1 : ReferenceAction(spec, "_set_member_id"),
            SetGroupAction = profile is null || profile.Selector < 0 ? -1 : ReferenceAction(spec, "_set_group_id"),
        };
    }

    private BoundTable BindLearner(Table table, string name, ContextTable? context, SwxLearner spec)
        => new()
        {
            Id = table.Preamble.Id,
            Name = name,
            Engine = spec.Index,
            IsLearner = true,
            IsConst = table.IsConstTable,
            Fields = BindFields(table, name, context, spec.Key),
            KeyBytes = spec.KeyBytes,
            HasMask = false,
            Actions = BindActions(table, name, context, spec.Actions),
            DefaultIsConst = true,
            HasIdleTimeout = table.IdleTimeoutBehavior != Table.Types.IdleTimeoutBehavior.NoTimeout,
        };

    private static int ReferenceAction(SwxTable spec, string suffix)
        => spec.Actions.FirstOrDefault(a => a.Action.Name.EndsWith(suffix, StringComparison.Ordinal)) is { } action
            && action.Action.DataBytes == sizeof(uint)
            ? action.Action.Index
            : throw new PipelineException($".spec: table {spec.Name} has no action …{suffix} with one 32-bit argument");

    private static BoundField[] BindFields(Table table, string name, ContextTable? context, IReadOnlyList<SwxKeyField> key)
    {
        if (table.MatchFields.Count != key.Count)
        {
            throw new PipelineException($"table {name} has {table.MatchFields.Count} match fields in p4info and {key.Count} in the .spec");
        }

        var fields = new BoundField[key.Count];
        for (var i = 0; i < fields.Length; i++)
        {
            var field = table.MatchFields[i];
            var where = $"table {name}, field {field.Name}";
            var bits = CheckBits(field.Bitwidth, where);
            if (field.MatchType == MatchType.Range && bits > MaxRangeBits)
            {
                throw new PipelineException($"{where} has {bits} bits; a range has at most {MaxRangeBits}");
            }

            var place = key[Position(context, field, i, key.Count, where)];
            if (place.Bits != (bits + 7) / 8 * 8)
            {
                throw new PipelineException($"{where} has {bits} bits in p4info and {place.Bits} in the .spec ({place.Name})");
            }

            var expected = field.MatchType switch
            {
                MatchType.Exact => SwxMatchKind.Exact,
                MatchType.Lpm => SwxMatchKind.Lpm,
                MatchType.Ternary or MatchType.Range or MatchType.Optional => SwxMatchKind.Wildcard,
                _ => throw new PipelineException($"{where}: match type {field.MatchType} is not supported"),
            };
            if (place.Kind != expected)
            {
                throw new PipelineException($"{where} is {field.MatchType} in p4info and {place.Kind} in the .spec ({place.Name})");
            }

            fields[i] = new BoundField(field.Id, field.Name, field.MatchType, bits, place.Offset, place.Bytes);
        }

        if (fields.DistinctBy(f => f.Id).Count() != fields.Length || fields.DistinctBy(f => f.Offset).Count() != fields.Length)
        {
            throw new PipelineException($"table {name}: two match fields share an id or a position");
        }

        return fields;
    }

    /// <summary>Position of a field in the engine's key: from context.json, or else the same order.</summary>
    private static int Position(ContextTable? context, MatchField field, int index, int count, string where)
    {
        if (context is null || context.MatchKeyFields.Count == 0)
        {
            return index;
        }

        var found = context.MatchKeyFields.FirstOrDefault(f => f.Name == field.Name)
            ?? throw new PipelineException($"{where} is in p4info but not in context.json");
        return found.Position >= 0 && found.Position < count
            ? found.Position
            : throw new PipelineException($"{where}: context.json puts it at {found.Position} of {count} fields");
    }

    private BoundTableAction[] BindActions(Table table, string name, ContextTable? context, IReadOnlyList<SwxTableAction> spec)
    {
        var bound = new BoundTableAction[table.ActionRefs.Count];
        for (var i = 0; i < bound.Length; i++)
        {
            var reference = table.ActionRefs[i];
            var action = _actions.GetValueOrDefault(reference.Id)
                ?? throw new PipelineException($"table {name}: action {reference.Id} is not in p4info");
            var preamble = _info.Actions.First(a => a.Preamble.Id == reference.Id).Preamble;
            var contextAction = context?.Actions.FirstOrDefault(a => a.Name == preamble.Name);
            bound[i] = BindTableAction(name, reference, action, FindAction(name, preamble, contextAction, spec));
        }

        return bound;
    }

    private static SwxTableAction FindAction(
        string table, Preamble preamble, ContextAction? context, IReadOnlyList<SwxTableAction> spec)
    {
        var names = SpecNames.ForPreamble(preamble);
        if (context is not null)
        {
            names = names.Prepend(SpecNames.Last(context.TargetName));
        }

        foreach (var name in names)
        {
            if (spec.FirstOrDefault(a => a.Action.Name == name) is { } exact)
            {
                return exact;
            }
        }

        // The member table of a profile lists one copy of the action, with any number.
        var copies = spec.Where(a => names.Any(n => SpecNames.IsCopyOf(a.Action.Name, n))).ToList();
        return copies.Count == 1
            ? copies[0]
            : throw new PipelineException($"table {table}: action {preamble.Name} is in p4info but not in the .spec");
    }

    private static BoundTableAction BindTableAction(string table, ActionRef reference, BoundAction action, SwxTableAction spec)
    {
        var arguments = spec.Action.Arguments;
        var where = $"table {table}, action {action.Name}";
        if (arguments.Count != action.Params.Length)
        {
            throw new PipelineException($"{where} has {action.Params.Length} parameters in p4info and {arguments.Count} in the .spec");
        }

        var places = new (int Offset, int Bytes)[arguments.Count];
        var named = action.Params.All(p => arguments.Any(a => a.Name == p.Name));
        for (var i = 0; i < places.Length; i++)
        {
            var parameter = action.Params[i];
            var argument = named ? arguments.First(a => a.Name == parameter.Name) : arguments[i];
            if (argument.Bits != (parameter.Bits + 7) / 8 * 8)
            {
                throw new PipelineException(
                    $"{where}, parameter {parameter.Name} has {parameter.Bits} bits in p4info and {argument.Bits} in the .spec");
            }

            places[i] = (argument.Offset, argument.Bytes);
        }

        return new BoundTableAction
        {
            Action = action,
            Engine = spec.Action.Index,
            ForEntries = reference.Scope != ActionRef.Types.Scope.DefaultOnly && spec.ForEntries,
            ForDefault = reference.Scope != ActionRef.Types.Scope.TableOnly && spec.ForDefault,
            Places = places,
            DataBytes = spec.Action.DataBytes,
        };
    }
}
