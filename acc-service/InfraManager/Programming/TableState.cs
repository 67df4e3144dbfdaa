using System.Runtime.InteropServices;
using ACCOffload.InfraManager.Compile;
using ACCOffload.P4Runtime;

namespace ACCOffload.InfraManager.Programming;

/// <summary>
/// What the tables should hold, by owner, and what they hold as far as is known. The difference between the two is what is left to write, whether
/// it came from a change, a rollback, a restart or a drift. Rows wanted by several owners are one row, counted. Touched by the programmer alone.
/// </summary>
internal sealed class TableState
{
    private readonly Dictionary<EntryKey, Row> _rows = [];
    private readonly Dictionary<OwnerId, Entry[]> _owners = [];
    private readonly HashSet<Row> _dirty = [];
    private int _readBack;

    /// <summary>Rows that some owner wants.</summary>
    public long DesiredCount { get; private set; }

    /// <summary>Rows that are not on the target as wanted, as far as is known.</summary>
    public int DirtyCount => _dirty.Count;

    public IReadOnlyCollection<OwnerId> Owners => _owners.Keys;

    public IEnumerable<Entry> Desired => _rows.Values.Where(r => r.Desired is not null).Select(r => r.Desired!);

    public ReadOnlySpan<Entry> EntriesOf(OwnerId owner) => _owners.GetValueOrDefault(owner);

    /// <summary>Whether every row of the owner is on the target as far as is known.</summary>
    public bool IsProgrammed(OwnerId owner)
    {
        if (!_owners.TryGetValue(owner, out Entry[]? entries))
            return false;
        foreach (Entry entry in entries)
        {
            if (!_rows.TryGetValue(entry.Key, out Row? row) || _dirty.Contains(row))
                return false;
        }

        return true;
    }

    /// <summary>The owner no longer wants anything.</summary>
    public void Release(OwnerId owner)
    {
        if (!_owners.Remove(owner, out Entry[]? entries))
            return;
        foreach (Entry entry in entries)
        {
            Row row = _rows[entry.Key];
            if (--row.Owners == 0)
            {
                row.Desired = null;
                row.LastOwner = owner;
                DesiredCount--;
            }

            Touch(row);
        }
    }

    /// <summary>The owner, which holds nothing, wants these entries, each key once. The array becomes ours.</summary>
    /// <returns>Null, or the entry that another owner wants with other contents; then nothing was changed.</returns>
    public Entry? Acquire(OwnerId owner, Entry[] entries)
    {
        foreach (Entry entry in entries)
        {
            if (_rows.TryGetValue(entry.Key, out Row? row) && row.Desired is { } wanted && !wanted.SameAs(entry))
                return wanted;
        }

        _owners.Add(owner, entries);
        for (int i = 0; i < entries.Length; i++)
        {
            ref Row? row = ref CollectionsMarshal.GetValueRefOrAddDefault(_rows, entries[i].Key, out _);
            row ??= new Row(entries[i]);
            // One object for all that is the same: with hundreds of thousands of rows that counts.
            if (row.Owners++ == 0)
            {
                row.Desired = row.Actual?.SameAs(entries[i]) == true ? row.Actual : entries[i];
                DesiredCount++;
            }

            entries[i] = row.Desired!;
            Touch(row);
        }

        return null;
    }

    /// <summary>Starts taking in what the target holds; what is not seen until <see cref="EndReadBack"/> is not there.</summary>
    public void BeginReadBack() => _readBack++;

    public void Seen(Entry entry)
    {
        ref Row? row = ref CollectionsMarshal.GetValueRefOrAddDefault(_rows, entry.Key, out _);
        row ??= new Row(entry);
        row.Actual = entry;
        row.IsUnknown = false;
        row.ReadBack = _readBack;
        Touch(row);
    }

    public void EndReadBack()
    {
        List<Row> absent = [.. _rows.Values.Where(r => r.ReadBack != _readBack)];
        foreach (Row row in absent)
        {
            row.Actual = null;
            row.IsUnknown = false;
            Touch(row);
        }
    }

    /// <summary>What is left to write, except what the target refused and nothing changed since.</summary>
    public TablePlan Plan()
    {
        var plan = new TablePlan([], [], [], []);
        foreach (Row row in _dirty)
        {
            if (row.IsRefused)
                continue;
            EntryUpdate update = row.Update();
            if (update.Kind != UpdateKind.Delete)
                plan.Changes.Add(update);
            else if (!row.LastOwner.IsNone && _owners.ContainsKey(row.LastOwner))
                plan.Superseded.Add(update);
            else
                plan.Removals.Add(update);
        }

        plan.HoldPodsBack();
        return plan;
    }

    /// <summary>The target applied the update.</summary>
    public void Applied(EntryUpdate update)
    {
        Row row = _rows[update.Entry.Key];
        row.Actual = update.Kind == UpdateKind.Delete ? null : update.Entry;
        row.IsUnknown = false;
        Touch(row);
    }

    /// <summary>The row may be there, with whatever contents: it is written or deleted without trust in what was known.</summary>
    public void Doubt(EntryUpdate update)
    {
        Row row = _rows[update.Entry.Key];
        row.IsUnknown = true;
        Touch(row);
    }

    /// <summary>The target says that it has no row of this key.</summary>
    public void FoundAbsent(EntryUpdate update)
    {
        Row row = _rows[update.Entry.Key];
        row.Actual = null;
        row.IsUnknown = false;
        Touch(row);
    }

    /// <summary>The target refused the update: it is not tried again until the row changes or <see cref="RetryRefused"/>.</summary>
    public void Refused(EntryUpdate update)
    {
        if (_rows.TryGetValue(update.Entry.Key, out Row? row))
            row.IsRefused = true;
    }

    /// <summary>Lets refused rows be tried again.</summary>
    /// <returns>Whether there were any.</returns>
    public bool RetryRefused()
    {
        bool any = false;
        foreach (Row row in _dirty)
        {
            any |= row.IsRefused;
            row.IsRefused = false;
        }

        return any;
    }

    public bool HasRefused() => _dirty.Any(r => r.IsRefused);

    /// <summary>Whether rows that nobody wants are still on the target.</summary>
    public bool HasPendingDeletes() => _dirty.Any(r => r.Desired is null);

    private void Touch(Row row)
    {
        row.IsRefused = false;
        if (row.Actual is { } actual && !ReferenceEquals(actual, row.Desired) && row.Desired?.SameAs(actual) == true)
            row.Actual = row.Desired;
        if (row.Desired is null && row.Actual is null && !row.IsUnknown)
        {
            _dirty.Remove(row);
            _rows.Remove(row.Key);
        }
        else if (row.IsClean)
        {
            _dirty.Remove(row);
        }
        else
        {
            _dirty.Add(row);
        }
    }

    private sealed class Row(Entry first)
    {
        public EntryKey Key { get; } = first.Key;

        public Entry? Desired { get; set; }

        public Entry? Actual { get; set; }

        public int Owners { get; set; }

        /// <summary>Who wanted the row last, if anybody ever did.</summary>
        public OwnerId LastOwner { get; set; }

        public int ReadBack { get; set; }

        /// <summary>The target has the row, but not known with which contents.</summary>
        public bool IsUnknown { get; set; }

        public bool IsRefused { get; set; }

        public bool IsClean => !IsUnknown && Desired is not null && Actual is not null && Desired.SameAs(Actual);

        public EntryUpdate Update()
        {
            if (Desired is null)
                return new(UpdateKind.Delete, Actual ?? Key.ToEntry());
            return new(Actual is null && !IsUnknown ? UpdateKind.Insert : UpdateKind.Modify, Desired);
        }
    }
}
