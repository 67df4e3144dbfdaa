using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>
/// The desired rows of the tables by owner, and the actual rows as far as is known. The difference is what is left to write, whether it
/// comes from a change, a rollback, a restart or drift. A row that several owners want is stored once, with a count. A row costs 44 bytes
/// besides its <see cref="Entry"/>. Used by the programmer only.
/// </summary>
internal sealed class TableState(TableOrder order)
{
    /// <summary>Capacity below this number of rows is not worth trimming.</summary>
    private const int MinTrimCapacity = 16384;

    private readonly Dictionary<EntryKey, Row> _rows = [];
    private readonly Dictionary<OwnerId, Entry[]> _owners = [];
    private readonly HashSet<EntryKey> _dirty = [];
    private readonly TableTally _tally = new();

    /// <summary>The last owner of a row that nobody wants any more.</summary>
    private readonly Dictionary<EntryKey, OwnerId> _formerOwners = [];

    /// <summary>The number of rows that some owner wants.</summary>
    public long DesiredCount { get; private set; }

    /// <summary>The number of rows known to differ from the target.</summary>
    public int DirtyCount => _dirty.Count;

    /// <summary>Both numbers by table.</summary>
    public TableTally Tally => _tally;

    public IReadOnlyCollection<OwnerId> Owners => _owners.Keys;

    public ReadOnlySpan<Entry> EntriesOf(OwnerId owner) => _owners.GetValueOrDefault(owner);

    /// <summary>The keys of all rows of these tables that are desired, or known to be on the target.</summary>
    public List<EntryKey> KeysOf(IReadOnlyCollection<TableSchema> tables) => [.. _rows.Keys.Where(k => tables.Contains(k.Table))];

    /// <summary>The rows that refer to this action profile group and are programmed.</summary>
    public List<Entry> LeadingTo(Entry group) =>
        [.. _rows.Values.Where(r => r.IsClean && r.Desired!.Action.Kind == ActionKind.ProfileGroup
            && r.Desired.ActionData.SequenceEqual(group.Key.Data)).Select(r => r.Desired!)];

    /// <summary>Whether every row of the owner is known to be on the target.</summary>
    public bool IsProgrammed(OwnerId owner)
    {
        if (!_owners.TryGetValue(owner, out var entries))
        {
            return false;
        }

        if (_dirty.Count == 0)
        {
            return true;
        }

        foreach (var entry in entries)
        {
            if (_dirty.Contains(entry.Key))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Removes all rows of the owner from the desired state.</summary>
    public void Release(OwnerId owner)
    {
        if (!_owners.Remove(owner, out var entries))
        {
            return;
        }

        foreach (var entry in entries)
        {
            ref var row = ref Find(entry.Key);
            if (--row.Owners == 0)
            {
                row.Desired = null;
                _formerOwners[entry.Key] = owner;
                DesiredCount--;
                _tally.CountWanted(entry.Key.Table, -1);
            }

            Touch(entry.Key, ref row);
        }
    }

    /// <summary>Sets the rows of an owner that has none; each key once. Takes ownership of the array.</summary>
    /// <returns>Null, or the entry that another owner wants with other contents; then nothing was changed.</returns>
    public Entry? Acquire(OwnerId owner, Entry[] entries)
    {
        foreach (var entry in entries)
        {
            if (_rows.TryGetValue(entry.Key, out var row) && row.Desired is { } wanted && !wanted.SameAs(entry))
            {
                return wanted;
            }
        }

        _owners.Add(owner, entries);
        for (var i = 0; i < entries.Length; i++)
        {
            var key = entries[i].Key;
            ref var row = ref CollectionsMarshal.GetValueRefOrAddDefault(_rows, key, out var known);
            // Share one object per row: with hundreds of thousands of rows that matters.
            if (row.Owners++ == 0)
            {
                row.Desired = row.Actual?.SameAs(entries[i]) == true ? row.Actual : entries[i];
                DesiredCount++;
                _tally.CountWanted(key.Table, 1);
                if (known)
                {
                    _formerOwners.Remove(key);
                }
            }

            entries[i] = row.Desired!;
            Touch(key, ref row);
        }

        return null;
    }

    /// <summary>Sets the desired contents of a row of policy. These are changed one by one, so no owner keeps a list of them.</summary>
    public void Want(Entry entry)
    {
        ref var row = ref CollectionsMarshal.GetValueRefOrAddDefault(_rows, entry.Key, out _);
        if (row.Desired is null)
        {
            row.Owners++;
            DesiredCount++;
            _tally.CountWanted(entry.Key.Table, 1);
        }

        row.Desired = row.Actual?.SameAs(entry) == true ? row.Actual : entry;
        Touch(entry.Key, ref row);
    }

    /// <summary>Removes a row of policy from the desired state, if it is there.</summary>
    public void Unwant(EntryKey key)
    {
        if (!_rows.TryGetValue(key, out var known) || known.Desired is null)
        {
            return;
        }

        ref var row = ref Find(key);
        row.Owners--;
        row.Desired = null;
        DesiredCount--;
        _tally.CountWanted(key.Table, -1);
        Touch(key, ref row);
    }

    /// <summary>Removes all rows of policy from the desired state.</summary>
    public void UnwantPolicy()
    {
        foreach (var key in _rows.Keys.Where(k => order.IsPolicyTable(k.Table)).ToList())
        {
            Unwant(key);
        }
    }

    /// <summary>Whether rows of policy are left to write, refused ones included.</summary>
    public bool HasPolicyDifferences => _dirty.Any(k => order.IsPolicyTable(k.Table));

    /// <summary>Whether updates of rows of policy are left out of the plan, because endpoints have to be closed first.</summary>
    public bool HoldsPolicy { get; set; }

    /// <summary>The rows of these tables as far as the target is known to have them.</summary>
    public IEnumerable<Entry> ActualOf(Func<TableSchema, bool> tables) =>
        _rows.Values.Select(r => r.Actual).OfType<Entry>().Where(e => tables(e.Table));

    /// <summary>Starts reading these tables back. Rows not seen before <see cref="EndReadBack"/> are not on the target.</summary>
    public void BeginReadBack(IReadOnlyCollection<TableSchema> tables)
    {
        HashSet<TableSchema> read = [.. tables];
        foreach (var key in _rows.Keys)
        {
            ref var row = ref Find(key);
            row.Marks = read.Contains(key.Table) ? row.Marks & ~RowMarks.Seen : row.Marks | RowMarks.Seen;
        }
    }

    public void Seen(Entry entry)
    {
        ref var row = ref CollectionsMarshal.GetValueRefOrAddDefault(_rows, entry.Key, out _);
        row.Actual = entry;
        row.Marks = (row.Marks & ~RowMarks.Unknown) | RowMarks.Seen;
        Touch(entry.Key, ref row);
    }

    /// <summary>
    /// Marks a row that no owner wants as possibly present, before it is written temporarily. Unless it is deleted again, its deletion
    /// stays planned.
    /// </summary>
    public void Expect(EntryKey key)
    {
        ref var row = ref CollectionsMarshal.GetValueRefOrAddDefault(_rows, key, out _);
        row.Marks |= RowMarks.Unknown;
        Touch(key, ref row);
    }

    public void EndReadBack()
    {
        List<EntryKey> absent = [.. _rows.Where(r => !r.Value.Marks.HasFlag(RowMarks.Seen)).Select(r => r.Key)];
        foreach (var key in absent)
        {
            SetActual(key, null);
        }
    }

    /// <summary>The updates that are left to write, except refused ones that have not changed since.</summary>
    public TablePlan Plan()
    {
        var plan = new TablePlan([], [], [], []);
        foreach (var key in _dirty)
        {
            ref var row = ref Find(key);
            if (row.Marks.HasFlag(RowMarks.Refused) || (HoldsPolicy && order.IsPolicyTable(key.Table)))
            {
                continue;
            }

            var update = row.Update(key);
            if (update.Kind != UpdateKind.Delete)
            {
                plan.Changes.Add(update);
            }
            else if (order.IsHoldTable(key.Table))
            {
                // Delete a hold only after the row that it stands in for is back.
                plan.Deferred.Add(update);
            }
            else if (_formerOwners.TryGetValue(key, out var former) ? _owners.ContainsKey(former) : order.IsReferredTo(key.Table))
            {
                plan.Superseded.Add(update);
            }
            else if (key.Table.Kind == TableKind.ProfileMembers || order.IsPolicyTable(key.Table))
            {
                // A group that remains may still list the member, and a set, group or class may still be in use.
                plan.Superseded.Add(update);
            }
            else
            {
                plan.Removals.Add(update);
            }
        }

        plan.DeferPodRoutes(order);
        return plan;
    }

    /// <summary>The target applied the update.</summary>
    public void Applied(EntryUpdate update) => SetActual(update.Entry.Key, update.Kind == UpdateKind.Delete ? null : update.Entry);

    /// <summary>Marks a row as possibly present with unknown contents, so that it is written or deleted in any case.</summary>
    public void Doubt(EntryUpdate update)
    {
        var key = update.Entry.Key;
        ref var row = ref Find(key);
        row.Marks |= RowMarks.Unknown;
        Touch(key, ref row);
    }

    /// <summary>The target reported that it has no row with this key.</summary>
    public void FoundAbsent(EntryKey key)
    {
        if (_rows.ContainsKey(key))
        {
            SetActual(key, null);
        }
    }

    /// <summary>The target refused the update. It is not retried until the row changes or <see cref="RetryRefused"/> is called.</summary>
    public void Refused(EntryUpdate update)
    {
        var key = update.Entry.Key;
        if (!_rows.ContainsKey(key))
        {
            return;
        }

        ref var row = ref Find(key);
        row.Marks |= RowMarks.Refused;
        _tally.ReportStuck(key, row.Desired is not null, row.Actual is not null || row.Marks.HasFlag(RowMarks.Unknown));
    }

    /// <summary>Makes refused rows eligible for writing again.</summary>
    /// <returns>Whether there were any.</returns>
    public bool RetryRefused()
    {
        var any = false;
        _tally.ClearAllStuck();
        foreach (var key in _dirty)
        {
            ref var row = ref Find(key);
            any |= row.Marks.HasFlag(RowMarks.Refused);
            row.Marks &= ~RowMarks.Refused;
        }

        return any;
    }

    /// <summary>Whether all that is left are deletes that the target refused.</summary>
    public bool HasOnlyRefusedDeletes() =>
        _dirty.Count > 0 && _dirty.All(k => Find(k) is { Desired: null } row && row.Marks.HasFlag(RowMarks.Refused));

    public bool HasRefused() => _dirty.Any(k => Find(k).Marks.HasFlag(RowMarks.Refused));

    /// <summary>Whether unwanted rows are still on the target.</summary>
    public bool HasPendingDeletes() => _dirty.Any(k => Find(k).Desired is null);

    /// <summary>Releases spare capacity after a large number of changes, such as a start, when nothing is left to write.</summary>
    /// <returns>Whether a significant amount was released.</returns>
    public bool TrimMemory()
    {
        if (_dirty.Count > 0 || _dirty.Capacity <= MinTrimCapacity)
        {
            return false;
        }

        _dirty.TrimExcess();
        _formerOwners.TrimExcess();
        // Leave some room, so that the next few rows do not double the capacity again.
        _rows.TrimExcess(_rows.Count + (_rows.Count / 8) + MinTrimCapacity);
        return true;
    }

    private ref Row Find(EntryKey key)
    {
        ref var row = ref CollectionsMarshal.GetValueRefOrNullRef(_rows, key);
        if (Unsafe.IsNullRef(ref row))
        {
            throw new InvalidOperationException($"row {key} is unknown");
        }

        return ref row;
    }

    private void SetActual(EntryKey key, Entry? actual)
    {
        ref var row = ref Find(key);
        row.Actual = actual;
        row.Marks &= ~RowMarks.Unknown;
        Touch(key, ref row);
    }

    /// <summary>Updates the bookkeeping of a changed row. The reference may be invalid afterwards.</summary>
    private void Touch(EntryKey key, ref Row row)
    {
        row.Marks &= ~RowMarks.Refused;
        _tally.ClearStuck(key);
        if (row.Actual is { } actual && !ReferenceEquals(actual, row.Desired) && row.Desired?.SameAs(actual) == true)
        {
            row.Actual = row.Desired;
        }

        if (row.Desired is null && row.Actual is null && !row.Marks.HasFlag(RowMarks.Unknown))
        {
            SetDirty(key, false);
            _formerOwners.Remove(key);
            _rows.Remove(key);
        }
        else
        {
            SetDirty(key, !row.IsClean);
        }
    }

    private void SetDirty(EntryKey key, bool isDirty)
    {
        if (isDirty ? _dirty.Add(key) : _dirty.Remove(key))
        {
            _tally.CountDifference(key.Table, isDirty ? 1 : -1);
        }
    }

    [Flags]
    private enum RowMarks : byte
    {
        None = 0,

        /// <summary>The target may have the row, with unknown contents.</summary>
        Unknown = 1,

        Refused = 2,

        /// <summary>The target listed the row in the current or last read-back.</summary>
        Seen = 4,
    }

    private struct Row
    {
        public Entry? Desired;
        public Entry? Actual;
        public int Owners;
        public RowMarks Marks;

        public readonly bool IsClean =>
            !Marks.HasFlag(RowMarks.Unknown) && Desired is not null && Actual is not null && Desired.SameAs(Actual);

        public readonly EntryUpdate Update(EntryKey key)
        {
            if (Desired is null)
            {
                return new(UpdateKind.Delete, Actual ?? key.ToEntry());
            }

            return new(Actual is null && !Marks.HasFlag(RowMarks.Unknown) ? UpdateKind.Insert : UpdateKind.Modify, Desired);
        }
    }
}
