using Google.Protobuf;
using Grpc.Core;
using P4.Config.V1;
using P4.V1;
using Kind = P4.V1.Update.Types.Type;

namespace ACCOffload.FaithfulTarget;

/// <summary>The rows of all tables. Not thread-safe.</summary>
internal sealed class RowStore(LoadedPipeline pipeline, ProfileStore profiles, FaithfulBehaviours behaviours)
{
    private readonly Dictionary<uint, Dictionary<ByteString, TableEntry>> _tables =
        pipeline.Tables.Keys.ToDictionary(id => id, _ => new Dictionary<ByteString, TableEntry>());
    private readonly Dictionary<uint, TableEntry> _defaults = [];
    private readonly Dictionary<(uint Table, ByteString Key), CounterData> _counts = [];
    private readonly RowRules _rules = new(pipeline);

    public int CountOf(uint table) => _tables.TryGetValue(table, out var rows) ? rows.Count : 0;

    /// <summary>Copies of a table's rows.</summary>
    public IReadOnlyList<TableEntry> Rows(uint table) => [.. _tables[table].Values.Select(r => r.Clone())];

    /// <summary>A copy for a Write that may be rolled back.</summary>
    public RowStore Copy()
    {
        var copy = new RowStore(pipeline, profiles, behaviours);
        foreach ((var table, var rows) in _tables)
        {
            copy._tables[table] = new Dictionary<ByteString, TableEntry>(rows);
        }

        foreach ((var table, var row) in _defaults)
        {
            copy._defaults.Add(table, row);
        }

        foreach ((var row, var data) in _counts)
        {
            copy._counts.Add(row, data);
        }

        return copy;
    }

    public Outcome Write(Kind kind, TableEntry row)
    {
        if (!pipeline.Tables.TryGetValue(row.TableId, out var table))
        {
            return new Outcome(StatusCode.NotFound, $"table {row.TableId} is unknown");
        }

        if (row.IsDefaultAction)
        {
            return WriteDefault(kind, table, row);
        }

        if (RowRules.CheckKey(table, row) is { IsOk: false } malformed)
        {
            return malformed;
        }

        if (kind == Kind.Insert && behaviours.HidesLearnerTables && pipeline.IsLearner(table))
        {
            return Outcome.Internal("'table->entryAdd(*real_table_key, *real_table_data)' failed with error message: Unexpected error.");
        }

        if (kind == Kind.Delete && behaviours.RefusesNestedDeletes && pipeline.IsNested(table))
        {
            return Outcome.Internal("'table->entryDel(*real_table_key)' failed with error message: Object not found.");
        }

        var rows = _tables[row.TableId];
        var key = RowRules.KeyOf(row);
        if (ProfileStore.Existence(kind, rows.ContainsKey(key)) is { IsOk: false } wrong)
        {
            return wrong;
        }

        if (kind == Kind.Delete)
        {
            rows.Remove(key);
            _counts.Remove((row.TableId, key));
            return Outcome.Ok;
        }

        if (CheckAction(table, row) is { IsOk: false } action)
        {
            return action;
        }

        if (kind == Kind.Insert || !behaviours.IgnoresModify)
        {
            rows[key] = row;
        }

        return Outcome.Ok;
    }

    /// <summary>Adds the requested rows: all tables for ID 0, a whole table without a key, otherwise one row.</summary>
    public Outcome Read(TableEntry asked, List<Entity> into)
    {
        if (asked.TableId != 0 && !pipeline.Tables.ContainsKey(asked.TableId))
        {
            return new Outcome(StatusCode.NotFound, $"table {asked.TableId} is unknown");
        }

        foreach (var table in pipeline.Tables.Values.Where(t => asked.TableId == 0 || t.Preamble.Id == asked.TableId))
        {
            if (asked.IsDefaultAction)
            {
                if (_defaults.TryGetValue(table.Preamble.Id, out var row))
                {
                    into.Add(new Entity { TableEntry = row });
                }

                continue;
            }

            if (behaviours.HidesLearnerTables && pipeline.IsLearner(table))
            {
                continue;
            }

            if (asked.CounterData is not null && CheckCounter(table) is { IsOk: false } refused)
            {
                return refused;
            }

            var rows = Matching(table, asked);
            if (rows.Length == 0 && asked.Match.Count > 0 && behaviours.FailsReadsOfAbsentRows)
            {
                return new Outcome(StatusCode.NotFound, "Object not found.");
            }

            foreach (var row in rows)
            {
                var found = row.Clone();
                found.CounterData = asked.CounterData is null ? null : CountOf(row);
                into.Add(new Entity { TableEntry = found });
            }
        }

        return Outcome.Ok;
    }

    /// <summary>Adds the requested direct counters.</summary>
    public Outcome Read(DirectCounterEntry asked, List<Entity> into)
    {
        var row = asked.TableEntry ?? new TableEntry();
        if (!pipeline.Tables.TryGetValue(row.TableId, out var table))
        {
            return new Outcome(StatusCode.NotFound, $"table {row.TableId} is unknown");
        }

        if (row.Match.Count == 0 && behaviours.RefusesRowCounterWildcards)
        {
            return new Outcome(StatusCode.Unknown, "direct counters can't be read without a key");
        }

        if (CheckCounter(table) is { IsOk: false } refused)
        {
            return refused;
        }

        var found = Matching(table, row);
        if (row.Match.Count > 0 && found.Length == 0)
        {
            return new Outcome(StatusCode.NotFound, "the entry does not exist");
        }

        into.AddRange(
            found.Select(r => new Entity { DirectCounterEntry = new DirectCounterEntry { TableEntry = KeyOnly(r), Data = CountOf(r) } }));
        return Outcome.Ok;
    }

    /// <summary>Sets the direct counter of a row.</summary>
    public void Count(TableEntry row, CounterData data)
    {
        var key = row.Clone();
        _ = RowRules.CheckKey(pipeline.Tables[row.TableId], key);
        _counts[(row.TableId, RowRules.KeyOf(key))] = data.Clone();
    }

    /// <summary>Changes a row without any checks.</summary>
    public void Drift(TableEntry row, bool delete)
    {
        var changed = row.Clone();
        _ = RowRules.CheckKey(pipeline.Tables[row.TableId], changed);
        if (delete)
        {
            _tables[row.TableId].Remove(RowRules.KeyOf(changed));
        }
        else
        {
            _tables[row.TableId][RowRules.KeyOf(changed)] = changed;
        }
    }

    private static TableEntry KeyOnly(TableEntry row) => new() { TableId = row.TableId, Match = { row.Match }, Priority = row.Priority };

    private TableEntry[] Matching(Table table, TableEntry asked)
    {
        var rows = _tables[table.Preamble.Id];
        if (asked.Match.Count == 0)
        {
            return [.. rows.Values];
        }

        var key = asked.Clone();
        return RowRules.CheckKey(table, key).IsOk && rows.TryGetValue(RowRules.KeyOf(key), out var row) ? [row] : [];
    }

    private CounterData CountOf(TableEntry row) => _counts.GetValueOrDefault((row.TableId, RowRules.KeyOf(row))) ?? new CounterData();

    private Outcome CheckCounter(Table table)
    {
        if (!pipeline.RowCounters.TryGetValue(table.Preamble.Id, out var counter))
        {
            return Outcome.Invalid($"table {table.Preamble.Name} has no direct counter");
        }

        if (behaviours.RefusesPacketOnlyRowCounters && counter.Spec?.Unit == CounterSpec.Types.Unit.Packets)
        {
            return Outcome.Internal("'dataFieldInfoBytes' must be non-null");
        }

        return behaviours.CountsFirstTableOnly && !pipeline.IsFirst(table)
            ? Outcome.Internal("'table->entryGet' failed with error message: Unexpected error.")
            : Outcome.Ok;
    }

    private Outcome WriteDefault(Kind kind, Table table, TableEntry row)
    {
        if (kind != Kind.Modify || row.Match.Count > 0 || row.Priority != 0 || table.ConstDefaultActionId != 0)
        {
            return Outcome.Invalid($"table {table.Preamble.Name}: the default action can only be modified, and only if it is not constant");
        }

        if (CheckAction(table, row) is { IsOk: false } malformed)
        {
            return malformed;
        }

        _defaults[row.TableId] = row;
        return Outcome.Ok;
    }

    private Outcome CheckAction(Table table, TableEntry row)
    {
        var profile = table.ImplementationId;
        return (row.Action?.TypeCase, profile != 0) switch
        {
            (TableAction.TypeOneofCase.Action, false) =>
                _rules.CheckAction(row.Action.Action, id => IsAllowed(table, id, row.IsDefaultAction)),
            (TableAction.TypeOneofCase.ActionProfileMemberId, true)
                when profiles.HasMember(profile, row.Action.ActionProfileMemberId) => Outcome.Ok,
            (TableAction.TypeOneofCase.ActionProfileGroupId, true)
                when profiles.HasGroup(profile, row.Action.ActionProfileGroupId) => Outcome.Ok,
            (TableAction.TypeOneofCase.ActionProfileMemberId or TableAction.TypeOneofCase.ActionProfileGroupId, true) =>
                new Outcome(StatusCode.NotFound, "the member or group is unknown"),
            _ => Outcome.Invalid($"table {table.Preamble.Name}: the action is missing or of the wrong kind"),
        };
    }

    private static bool IsAllowed(Table table, uint action, bool asDefault) => table.ActionRefs.Any(a => a.Id == action
        && a.Scope != (asDefault ? ActionRef.Types.Scope.TableOnly : ActionRef.Types.Scope.DefaultOnly));
}
