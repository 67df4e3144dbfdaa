using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>
/// What the tables should hold, by owner, and what they hold as far as is known. The difference between the two is what is left to write,
/// whether it came from a change, a rollback, a restart or a drift. Rows wanted by several owners are one row, counted. A row costs 44
/// bytes beside its <see cref="Entry"/>. Touched by the programmer alone.
/// </summary>
internal sealed class TableState(TableOrder order)
{
    /// <summary>Room for fewer rows than these is not worth giving back.</summary>
    private const int SmallRoom = 16384;

    private readonly Dictionary<EntryKey, Row> _rows = [];
    private readonly Dictionary<OwnerId, Entry[]> _owners = [];
    private readonly HashSet<EntryKey> _dirty = [];
    private readonly TableTally _tally = new();

    /// <summary>Who wanted a row last that nobody wants any more, if anybody ever did.</summary>
    private readonly Dictionary<EntryKey, OwnerId> _formerOwners = [];

    /// <summary>Rows that some owner wants.</summary>
    public long DesiredCount { get; private set; }

    /// <summary>Rows that are not on the target as wanted, as far as is known.</summary>
    public int DirtyCount => _dirty.Count;

    /// <summary>The same by table.</summary>
    public TableTally Tally => _tally;

    public IReadOnlyCollection<OwnerId> Owners => _owners.Keys;

    public ReadOnlySpan<Entry> EntriesOf(OwnerId owner) => _owners.GetValueOrDefault(owner);

    /// <summary>The keys of all rows of these tables that are wanted, or are on the target as far as is known.</summary>
    public List<EntryKey> KeysOf(IReadOnlyCollection<TableSchema> tables) => [.. _rows.Keys.Where(k => tables.Contains(k.Table))];

    /// <summary>Rows that lead to this group of an action profile, and are on the target as wanted.</summary>
    public List<Entry> LeadingTo(Entry group) =>
        [.. _rows.Values.Where(r => r.IsClean && r.Desired!.Action.Kind == ActionKind.ProfileGroup
            && r.Desired.ActionData.SequenceEqual(group.Key.Data)).Select(r => r.Desired!)];

    /// <summary>Whether every row of the owner is on the target as far as is known.</summary>
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

    /// <summary>The owner no longer wants anything.</summary>
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
                _tally.Want(entry.Key.Table, -1);
            }

            Touch(entry.Key, ref row);
        }
    }

    /// <summary>The owner, which holds nothing, wants these entries, each key once. The array becomes ours.</summary>
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
            // One object for all that is the same: with hundreds of thousands of rows that counts.
            if (row.Owners++ == 0)
            {
                row.Desired = row.Actual?.SameAs(entries[i]) == true ? row.Actual : entries[i];
                DesiredCount++;
                _tally.Want(key.Table, 1);
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

    /// <summary>
    /// Starts taking in what these tables of the target hold; what is not seen in them until <see cref="EndReadBack"/> is not there.
    /// </summary>
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
    /// A row that no owner wants is about to be written for the moment: unless it is deleted again, it is left to delete.
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

    /// <summary>What is left to write, except what the target refused and nothing changed since.</summary>
    public TablePlan Plan()
    {
        var plan = new TablePlan([], [], [], []);
        foreach (var key in _dirty)
        {
            ref var row = ref Find(key);
            if (row.Marks.HasFlag(RowMarks.Refused))
            {
                continue;
            }

            var update = row.Update(key);
            if (update.Kind != UpdateKind.Delete)
            {
                plan.Changes.Add(update);
            }
            else if (order.IsHold(key.Table))
            {
                // Once what it holds packets for is there again.
                plan.Openings.Add(update);
            }
            else if (_formerOwners.TryGetValue(key, out var former) && _owners.ContainsKey(former))
            {
                plan.Superseded.Add(update);
            }
            else if (key.Table.Kind == TableKind.ProfileMembers)
            {
                // A group that goes on may still list it.
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

    /// <summary>The row may be there, with whatever contents: it is written or deleted without trust in what was known.</summary>
    public void Doubt(EntryUpdate update)
    {
        var key = update.Entry.Key;
        ref var row = ref Find(key);
        row.Marks |= RowMarks.Unknown;
        Touch(key, ref row);
    }

    /// <summary>The target says that it has no row of this key.</summary>
    public void FoundAbsent(EntryKey key)
    {
        if (_rows.ContainsKey(key))
        {
            SetActual(key, null);
        }
    }

    /// <summary>The target refused the update: it is not tried again until the row changes or <see cref="RetryRefused"/>.</summary>
    public void Refused(EntryUpdate update)
    {
        var key = update.Entry.Key;
        if (!_rows.ContainsKey(key))
        {
            return;
        }

        ref var row = ref Find(key);
        row.Marks |= RowMarks.Refused;
        _tally.Stuck(key, row.Desired is not null, row.Actual is not null || row.Marks.HasFlag(RowMarks.Unknown));
    }

    /// <summary>Lets refused rows be tried again.</summary>
    /// <returns>Whether there were any.</returns>
    public bool RetryRefused()
    {
        var any = false;
        _tally.LoosenAll();
        foreach (var key in _dirty)
        {
            ref var row = ref Find(key);
            any |= row.Marks.HasFlag(RowMarks.Refused);
            row.Marks &= ~RowMarks.Refused;
        }

        return any;
    }

    /// <summary>Whether the target refuses to delete rows, and nothing else is left.</summary>
    public bool HasOnlyRefusedDeletes() =>
        _dirty.Count > 0 && _dirty.All(k => Find(k) is { Desired: null } row && row.Marks.HasFlag(RowMarks.Refused));

    public bool HasRefused() => _dirty.Any(k => Find(k).Marks.HasFlag(RowMarks.Refused));

    /// <summary>Whether rows that nobody wants are still on the target.</summary>
    public bool HasPendingDeletes() => _dirty.Any(k => Find(k).Desired is null);

    /// <summary>Gives back the room that many changes at once took, such as a start's, when nothing is left to write.</summary>
    /// <returns>Whether there was any that counts.</returns>
    public bool GiveBackRoom()
    {
        if (_dirty.Count > 0 || _dirty.Capacity <= SmallRoom)
        {
            return false;
        }

        _dirty.TrimExcess();
        _formerOwners.TrimExcess();
        // The next few rows must not double it again.
        _rows.TrimExcess(_rows.Count + (_rows.Count / 8) + SmallRoom);
        return true;
    }

    private ref Row Find(EntryKey key)
    {
        ref var row = ref CollectionsMarshal.GetValueRefOrNullRef(_rows, key);
        if (Unsafe.IsNullRef(ref row))
        {
            throw new InvalidOperationException($"no row {key}");
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

    /// <summary>The row is invalid afterwards.</summary>
    private void Touch(EntryKey key, ref Row row)
    {
        row.Marks &= ~RowMarks.Refused;
        _tally.Loosen(key);
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
            _tally.Differ(key.Table, isDirty ? 1 : -1);
        }
    }

    [Flags]
    private enum RowMarks : byte
    {
        None = 0,

        /// <summary>The target has the row, but not known with which contents.</summary>
        Unknown = 1,

        Refused = 2,

        /// <summary>The target listed it in the present, or last, reading back.</summary>
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
