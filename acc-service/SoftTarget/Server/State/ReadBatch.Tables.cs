using ACCOffload.SoftTarget.Server.Bind;
using ACCOffload.SoftTarget.Server.Wire;
using Google.Protobuf;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.State;

#pragma warning disable CS0612 // controller_metadata is deprecated, but must still be returned

internal sealed partial class ReadBatch
{
    private Outcome AddEntries(TableEntry filter)
    {
        var withCounters = filter.CounterData is not null;
        if (filter.TableId == 0)
        {
            if (HasFilter(filter))
            {
                return Outcome.Invalid("a read of all tables allows no other filter");
            }

            // Learned entries are not controller state; they are returned only if their table is named.
            foreach (var each in _state.Bound.Tables.Values.Where(t => !t.IsLearner))
            {
                AddTable(each, Filter.None, withCounters && each.DirectCounter is not null, countersOnly: false);
            }

            return Outcome.Ok;
        }

        var outcome = MakeFilter(filter, out var table, out var rows);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        if (withCounters && table.DirectCounter is null)
        {
            return Outcome.Invalid($"{table.Label} has no direct counter");
        }

        if (filter.IsDefaultAction)
        {
            return AddDefault(table);
        }

        if (table.IsLearner)
        {
            // The data plane gives its entries no metadata.
            if (rows.Metadata.IsEmpty && rows.ControllerMetadata == 0)
            {
                _sections.Add(new LearnedSection(
                    _state, table, rows.Key?[..table.KeyBytes], rows.Action, withIdleTime: filter.TimeSinceLastHit is not null));
            }

            return Outcome.Ok;
        }

        AddTable(table, rows, withCounters, countersOnly: false);
        return Outcome.Ok;
    }

    private Outcome AddDirectCounters(DirectCounterEntry filter)
    {
        var entry = filter.TableEntry ?? new TableEntry();
        if (entry.TableId == 0)
        {
            if (HasFilter(entry))
            {
                return Outcome.Invalid("a read of all direct counters allows no other filter");
            }

            foreach (var each in _state.Bound.Tables.Values.Where(t => t.DirectCounter is not null))
            {
                AddTable(each, Filter.None, withCounters: true, countersOnly: true);
            }

            return Outcome.Ok;
        }

        var outcome = MakeFilter(entry, out var table, out var rows);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        if (table.DirectCounter is null)
        {
            return Outcome.Invalid($"{table.Label} has no direct counter");
        }

        if (entry.IsDefaultAction)
        {
            return Outcome.Unimplemented($"{table.Label}: this target does not support the default entry's counter");
        }

        return AddTable(table, rows, withCounters: true, countersOnly: true) == 0 && entry.Match.Count != 0
            ? Outcome.NotFound($"{table.Label}: no entry with this key")
            : Outcome.Ok;
    }

    private static bool HasFilter(TableEntry entry)
        => entry.Match.Count != 0 || entry.Action is not null || entry.Priority != 0 || entry.IsDefaultAction
            || entry.ControllerMetadata != 0 || !entry.Metadata.IsEmpty || entry.TimeSinceLastHit is not null;

    private Outcome MakeFilter(TableEntry entry, out BoundTable table, out Filter filter)
    {
        filter = Filter.None with
        {
            Priority = (uint)Math.Max(0, entry.Priority),
            Metadata = entry.Metadata,
            ControllerMetadata = entry.ControllerMetadata,
        };
        if (!_state.Bound.Tables.TryGetValue(entry.TableId, out table!))
        {
            return Outcome.Invalid($"table_id {entry.TableId} is not in p4info");
        }

        if (entry.Priority != 0 && (entry.Priority < 0 || !table.NeedsPriority))
        {
            return Outcome.Invalid($"{table.Label} has no entries of priority {entry.Priority}");
        }

        if (entry.TimeSinceLastHit is not null && !table.IsLearner)
        {
            return table.HasIdleTimeout
                ? Outcome.Unimplemented($"{table.Label}: this target does not track idle times of entries")
                : Outcome.Invalid($"{table.Label} has no idle timeout");
        }

        if (entry.IsDefaultAction && entry.Match.Count != 0)
        {
            return Outcome.Invalid($"{table.Label}: the default entry has no match fields");
        }

        if (entry.Action is not null)
        {
            var action = entry.Action.TypeCase == TableAction.TypeOneofCase.Action && table.Profile is null
                ? table.FindAction(entry.Action.Action.ActionId) : null;
            if (action is null)
            {
                return Outcome.Invalid($"{table.Label}: entries can only be filtered by one of its actions");
            }

            filter = filter with { Action = action.Engine };
        }

        if (entry.Match.Count == 0)
        {
            return Outcome.Ok;
        }

        var key = new TableEntry { TableId = entry.TableId, Priority = table.NeedsPriority ? Math.Max(1, entry.Priority) : 0 };
        key.Match.Add(entry.Match);
        var outcome = _entry.Decode(key.ToByteArray(), EntryUse.Find);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        var identity = new byte[PipelineState.IdentityBytes(table)];
        filter = filter with { Key = identity[..PipelineState.Identity(_entry, identity)] };
        return Outcome.Ok;
    }

    private Outcome AddDefault(BoundTable table)
    {
        int index;
        ReadOnlySpan<byte> data;
        if (table.IsLearner)
        {
            var learner = _state.Bound.Program.Learners[table.Engine];
            index = learner.DefaultAction.Index;
            data = learner.DefaultActionData.Span;
        }
        else
        {
            _state.Engine.GetDefaultAction(table.Engine, out index, out data);
        }

        var entry = new TableEntry { TableId = table.Id, IsDefaultAction = true };
        if (table.FindEngineAction(index) is { } action)
        {
            entry.Action = new TableAction { Action = EntryWriter.ActionMessage(action, data) };
        }

        if (_state.FindExtras(table.Id, default) is { } extras)
        {
            entry.Metadata = ByteString.CopyFrom(extras.Metadata);
            entry.ControllerMetadata = extras.ControllerMetadata;
        }

        _sections.Add(new MessageSection([new Entity { TableEntry = entry }]));
        return Outcome.Ok;
    }

    /// <summary>Copies the rows that pass the filter; returns how many.</summary>
    private int AddTable(BoundTable table, Filter filter, bool withCounters, bool countersOnly)
    {
        var rows = new TableRows(table);
        var section = new TableSection(rows)
        {
            Counters = withCounters ? [] : null,
            CountersOnly = countersOnly,
            References = table.Profile is null ? null : [],
        };
        _sections.Add(section);
        var copy = new RowCopy(_state, section, filter);
        if (table.HasRange)
        {
            foreach (var entry in _state.Ranges[table.Id].Entries)
            {
                copy.Add(entry.Identity.AsSpan(0, table.KeyBytes), entry.Identity.AsSpan(table.KeyBytes, table.KeyBytes), entry.Priority,
                    entry.Action, entry.Data);
            }
        }
        else if (filter.Key is { } key && (!table.NeedsPriority || filter.Priority != 0))
        {
            var mask = table.HasMask ? key.AsSpan(table.KeyBytes, table.KeyBytes) : default;
            if (_state.Engine.TryGet(table.Engine, key.AsSpan(0, table.KeyBytes), mask, filter.Priority, out var action, out var data))
            {
                copy.Add(key.AsSpan(0, table.KeyBytes), mask, filter.Priority, action, data);
            }
        }
        else
        {
            _state.Engine.ForEach(table.Engine, copy.Add);
        }

        return rows.Count;
    }

    /// <summary>What a request selects; defaults are wildcards.</summary>
    private sealed record Filter(byte[]? Key, uint Priority, int Action, ByteString Metadata, ulong ControllerMetadata)
    {
        public static readonly Filter None = new(null, 0, -1, ByteString.Empty, 0);
    }

    /// <summary>Adds rows to a section if they pass the filter.</summary>
    private sealed class RowCopy(PipelineState state, TableSection section, Filter filter)
    {
        private readonly bool _extras = state.HasExtras(section.Rows.Table.Id);
        private readonly bool _wantsExtras = !filter.Metadata.IsEmpty || filter.ControllerMetadata != 0;

        public bool Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority, int action, ReadOnlySpan<byte> data)
        {
            var table = section.Rows.Table;
            if ((filter.Priority != 0 && priority != filter.Priority) || (filter.Action >= 0 && action != filter.Action))
            {
                return true;
            }

            if (filter.Key is { } wanted
                && !(wanted.AsSpan().StartsWith(key) && wanted.AsSpan(key.Length).StartsWith(mask)))
            {
                return true;
            }

            EntryExtras? extras = null;
            if (_extras || _wantsExtras)
            {
                Span<byte> identity = stackalloc byte[key.Length + mask.Length + sizeof(uint)];
                key.CopyTo(identity);
                mask.CopyTo(identity[key.Length..]);
                System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(identity[^sizeof(uint)..], priority);
                extras = state.FindExtras(table.Id, identity);
                if (_wantsExtras && (extras is null
                    || (!filter.Metadata.IsEmpty && !filter.Metadata.Span.SequenceEqual(extras.Metadata))
                    || (filter.ControllerMetadata != 0 && filter.ControllerMetadata != extras.ControllerMetadata)))
                {
                    return true;
                }
            }

            if (extras is not null)
            {
                section.Extras.Add(section.Rows.Count, extras);
            }

            section.References?.Add(ReadReference.Of(state, table, action, data));
            if (section.Counters is { } counters)
            {
                state.Engine.TryGetEntryId(table.Engine, key, mask, priority, out var id);
                counters.Add(CounterSection.Read(state.Engine, table.DirectCounter!, id));
            }

            section.Rows.Add(key, mask, priority, action, data);
            return true;
        }
    }
}
