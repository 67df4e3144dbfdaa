using System.Buffers.Binary;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Server.Wire;
using P4.V1;
using UpdateType = P4.V1.Update.Types.Type;

namespace ACCOffload.SoftTarget.Server.State;

internal sealed partial class WriteBatch
{
    private Outcome ApplyTableEntry(UpdateType type, ReadOnlySpan<byte> bytes)
    {
        var use = type switch
        {
            UpdateType.Insert => EntryUse.Insert,
            UpdateType.Modify => EntryUse.Modify,
            _ => EntryUse.Delete,
        };
        var outcome = _entry.Decode(bytes, use);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        var table = _entry.Table;
        if (_entry.IsDefault)
        {
            return ApplyDefault(type);
        }

        if (table.IsLearner)
        {
            return Outcome.Denied($"{table.Label} is filled by the data plane (add-on-miss)");
        }

        if (table.IsConst)
        {
            return Outcome.Denied($"{table.Label} has constant entries");
        }

        return type switch
        {
            UpdateType.Insert => Insert(),
            UpdateType.Modify => Modify(),
            _ => Delete(),
        };
    }

    private Outcome Insert()
    {
        var table = _entry.Table;
        if (_entry.ActionKind == EntryActionKind.None)
        {
            return Outcome.Invalid($"{table.Label}: action is missing");
        }

        Span<byte> reference = stackalloc byte[sizeof(uint)];
        var outcome = Resolve(reference, out var action);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        var data = table.Profile is null ? _entry.Data : reference;
        var change = table.HasRange
            ? _state.Ranges[table.Id].Insert(_entry, action, data, _update, _journal)
            : _update.Insert(table.Engine, _entry.Key, _entry.Mask, _entry.Priority, action, data);
        switch (change)
        {
            case SwxChange.Exists:
                return Outcome.Exists($"{table.Label}: an entry with this key exists");
            case SwxChange.Full:
                return Outcome.Full($"{table.Label} is full ({_state.Bound.Program.Tables[table.Engine].Size} entries)");
        }

        if (_entry.Extras is { } extras)
        {
            _state.SetExtras(_entry, extras, _journal);
        }

        if (_entry.Counter is { } counter)
        {
            SetDirectCounter(counter);
        }

        return Outcome.Ok;
    }

    private Outcome Modify()
    {
        var table = _entry.Table;
        if (!TryGetEntry(out var oldAction, out var oldReference))
        {
            return Outcome.NotFound($"{table.Label}: no entry with this key");
        }

        if (_entry.ActionKind != EntryActionKind.None)
        {
            Span<byte> reference = stackalloc byte[sizeof(uint)];
            var outcome = Resolve(reference, out var action);
            if (!outcome.IsOk)
            {
                return outcome;
            }

            var data = table.Profile is null ? _entry.Data : reference;
            if (table.HasRange)
            {
                _state.Ranges[table.Id].Modify(FindRange()!, action, data, _update, _journal);
            }
            else
            {
                _update.Modify(table.Engine, _entry.Key, _entry.Mask, _entry.Priority, action, data);
            }

            Release(oldAction, oldReference);
        }

        _state.SetExtras(_entry, _entry.Extras, _journal);
        if (_entry.Counter is { } counter)
        {
            SetDirectCounter(counter);
        }

        return Outcome.Ok;
    }

    private Outcome Delete()
    {
        var table = _entry.Table;
        if (table.Profile is not null || table.HasRange || table.DirectCounter is not null)
        {
            if (!TryGetEntry(out var oldAction, out var oldReference))
            {
                return Outcome.NotFound($"{table.Label}: no entry with this key");
            }

            if (table.DirectCounter is not null)
            {
                SetDirectCounter(new CounterData());
            }

            if (table.HasRange)
            {
                _state.Ranges[table.Id].Delete(FindRange()!, _update, _journal);
            }
            else
            {
                _update.Delete(table.Engine, _entry.Key, _entry.Mask, _entry.Priority);
            }

            Release(oldAction, oldReference);
        }
        else if (_update.Delete(table.Engine, _entry.Key, _entry.Mask, _entry.Priority) != SwxChange.Ok)
        {
            return Outcome.NotFound($"{table.Label}: no entry with this key");
        }

        _state.SetExtras(_entry, null, _journal);
        return Outcome.Ok;
    }

    private Outcome ApplyDefault(UpdateType type)
    {
        var table = _entry.Table;
        if (type != UpdateType.Modify)
        {
            return Outcome.Invalid($"{table.Label}: the default entry can only be modified");
        }

        if (table.DefaultIsConst)
        {
            return Outcome.Denied($"{table.Label}: the default action is constant");
        }

        if (_entry.Counter is not null)
        {
            return Outcome.Unimplemented($"{table.Label}: this target does not support the default entry's counter");
        }

        if (_entry.ActionKind == EntryActionKind.None)
        {
            _update.ResetDefaultAction(table.Engine);
        }
        else
        {
            _update.SetDefaultAction(table.Engine, _entry.Action.Engine, _entry.Data);
        }

        _state.SetExtras(_entry, _entry.ActionKind == EntryActionKind.None ? null : _entry.Extras, _journal);
        return Outcome.Ok;
    }

    private RangeEntry? FindRange()
    {
        Span<byte> identity = stackalloc byte[PipelineState.IdentityBytes(_entry.Table)];
        return _state.Ranges[_entry.Table.Id].Find(identity[..PipelineState.Identity(_entry, identity)]);
    }

    /// <summary>Finds the decoded entry; <paramref name="reference"/> is set for a table with a profile.</summary>
    private bool TryGetEntry(out int action, out uint reference)
    {
        var table = _entry.Table;
        ReadOnlySpan<byte> data;
        if (table.HasRange)
        {
            var range = FindRange();
            action = range?.Action ?? -1;
            data = range?.Data;
            reference = 0;
            if (range is null)
            {
                return false;
            }
        }
        else if (!_state.Engine.TryGet(table.Engine, _entry.Key, _entry.Mask, _entry.Priority, out action, out data))
        {
            reference = 0;
            return false;
        }

        reference = table.Profile is null ? 0 : BinaryPrimitives.ReadUInt32BigEndian(data);
        return true;
    }

    /// <summary>Writes the counter of the decoded entry after the tables are published; the entry may be deleted by then.</summary>
    private void SetDirectCounter(CounterData data)
    {
        var table = _entry.Table;
        if (!_state.Engine.TryGetEntryId(table.Engine, _entry.Key, _entry.Mask, _entry.Priority, out var id))
        {
            return;
        }

        var engine = _state.Engine;
        var counter = table.DirectCounter!;
        _journal.AfterCommit(() => WriteCell(engine, counter, id, data));
    }
}
