using System.Collections;
using System.Diagnostics.CodeAnalysis;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Tables;

/// <summary>What the journal and the store need to know of a table, whatever its rows are.</summary>
internal abstract class StateTable
{
    /// <summary>The name of the table in the database.</summary>
    public abstract string Name { get; }

    /// <summary>The columns of the primary key.</summary>
    public abstract IReadOnlyList<string> KeyColumns { get; }

    /// <summary>The other columns; together with the key's, in the order in which a row is written and read.</summary>
    public virtual IReadOnlyList<string> ValueColumns => [];

    /// <summary>The column that gives the order of loading; null where any order does.</summary>
    public virtual string? LoadOrder => null;

    /// <summary>Whether the database lacks changes.</summary>
    public abstract bool HasUnsaved { get; }

    /// <summary>Takes the present row of the database in.</summary>
    /// <exception cref="FormatException">It is invalid. Other exceptions of conversion mean the same.</exception>
    /// <exception cref="InvalidOperationException">It conflicts with another row.</exception>
    public abstract void Load(RowReader row);

    /// <summary>
    /// Writes the present value, or the absence, of every row that changed since <see cref="MarkSaved"/>; writing a row twice does no harm.
    /// </summary>
    /// <param name="put">Takes the columns of the key, then the others.</param>
    /// <param name="delete">Takes the columns of the key.</param>
    public abstract void WriteUnsaved(RowWriter put, RowWriter delete);

    /// <summary>What <see cref="WriteUnsaved"/> wrote is durable.</summary>
    public abstract void MarkSaved();

    /// <summary>Adds the owners of the target's entries that follow from the rows that changed since the journal was emptied.</summary>
    public abstract void AddChangedOwners(ISet<OwnerId> owners);

    /// <summary>The journal's: undoes the newest change.</summary>
    internal abstract void UndoLast();

    /// <summary>The journal's: drops the records of changes.</summary>
    internal abstract void ForgetChanges();
}

/// <summary>
/// One kind of durable state: rows by key, with whatever indexes a derived class keeps over them, a record of changes for the journal, and
/// the form in which the store keeps a row. Not thread-safe: the programmer alone changes it.
/// </summary>
/// <param name="journal">The model's.</param>
internal abstract class StateTable<TKey, TValue>(StateJournal journal) : StateTable, IReadOnlyDictionary<TKey, TValue>
    where TKey : notnull
    where TValue : class
{
    private readonly Dictionary<TKey, TValue> _rows = [];
    private readonly List<(int Position, TKey Key, TValue? Old)> _changes = [];

    // Also of changes that were undone: they may have been committed in between.
    private readonly HashSet<TKey> _unsaved = [];

    public int Count => _rows.Count;

    public IEnumerable<TKey> Keys => _rows.Keys;

    public IReadOnlyCollection<TValue> Values => _rows.Values;

    public TValue this[TKey key] => _rows[key];

    public override bool HasUnsaved => _unsaved.Count > 0;

    /// <summary>The keys of the rows that the database does not have as they are.</summary>
    public IReadOnlyCollection<TKey> UnsavedKeys => _unsaved;

    /// <summary>Whether an undone change takes its row back. Otherwise the row keeps the value that it had last.</summary>
    protected virtual bool CanUndo => true;

    IEnumerable<TValue> IReadOnlyDictionary<TKey, TValue>.Values => _rows.Values;

    public TValue? Find(TKey key) => _rows.GetValueOrDefault(key);

    public bool ContainsKey(TKey key) => _rows.ContainsKey(key);

    public bool TryGetValue(TKey key, [MaybeNullWhen(false)] out TValue value) => _rows.TryGetValue(key, out value);

    public IEnumerator<KeyValuePair<TKey, TValue>> GetEnumerator() => _rows.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Sets a row, or removes it with null. The caller has checked that it conflicts with no other.</summary>
    /// <exception cref="InvalidOperationException">It does; nothing was changed.</exception>
    public void Set(TKey key, TValue? value)
    {
        var old = Find(key);
        if (Equals(old, value))
        {
            return;
        }

        ThrowIfConflict(value);
        _unsaved.Add(key);

        // What can't be undone has to be seen to have changed, no more: once between two changes of other tables is enough.
        if (CanUndo || !ReferenceEquals(journal.Last, this))
        {
            _changes.Add((journal.Record(this), key, old));
        }

        Replace(key, value);
    }

    /// <summary>Removes a row, if there is one.</summary>
    public void Remove(TKey key) => Set(key, null);

    /// <summary>Why the row can't stand beside the others; null when it can.</summary>
    public virtual string? ConflictOf(TValue value) => null;

    /// <summary>The changes recorded after <paramref name="mark"/> of the journal, oldest first, with the value before each.</summary>
    public IReadOnlyList<(TKey Key, TValue? Old)> ChangesSince(int mark)
    {
        var first = _changes.Count;
        while (first > 0 && _changes[first - 1].Position >= mark)
        {
            first--;
        }

        return [.. _changes.Skip(first).Select(c => (c.Key, c.Old))];
    }

    public sealed override void Load(RowReader row)
    {
        var (key, value) = ReadRow(row);
        AddUnrecorded(key, value);
    }

    public sealed override void WriteUnsaved(RowWriter put, RowWriter delete)
    {
        foreach (var key in _unsaved)
        {
            if (Find(key) is { } value)
            {
                WriteKey(put, key);
                WriteValue(put, value);
                put.Execute();
            }
            else
            {
                WriteKey(delete, key);
                delete.Execute();
            }
        }
    }

    public sealed override void MarkSaved() => _unsaved.Clear();

    public sealed override void AddChangedOwners(ISet<OwnerId> owners)
    {
        foreach (var (_, key, old) in _changes)
        {
            // A row that was removed and made anew may be another owner.
            Add(OwnerOf(key, old));
            Add(OwnerOf(key, Find(key)));
        }

        void Add(OwnerId? owner)
        {
            if (owner is { } known)
            {
                owners.Add(known);
            }
        }
    }

    internal sealed override void UndoLast()
    {
        var (_, key, old) = _changes[^1];
        _changes.RemoveAt(_changes.Count - 1);
        if (CanUndo)
        {
            _unsaved.Add(key);
            Replace(key, old);
        }
    }

    internal sealed override void ForgetChanges() => _changes.Clear();

    /// <summary>Adds a row that was read from the store, or that is never stored.</summary>
    /// <exception cref="InvalidOperationException">It conflicts with another row.</exception>
    protected void AddUnrecorded(TKey key, TValue value)
    {
        ThrowIfConflict(value);
        Replace(key, value);
    }

    /// <summary>Brings the indexes up to date after a row was set, replaced, or removed.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="old">Null when it was not there.</param>
    /// <param name="value">Null when it was removed.</param>
    protected virtual void OnReplaced(TKey key, TValue? old, TValue? value)
    {
    }

    /// <summary>The owner of the target's entries that follow from a row; null when none do, or the row is null.</summary>
    protected virtual OwnerId? OwnerOf(TKey key, TValue? value) => null;

    protected abstract void WriteKey(RowWriter row, TKey key);

    /// <summary>Writes <see cref="StateTable.ValueColumns"/>.</summary>
    protected abstract void WriteValue(RowWriter row, TValue value);

    protected abstract (TKey Key, TValue Value) ReadRow(RowReader row);

    private void ThrowIfConflict(TValue? value)
    {
        if (value is not null && ConflictOf(value) is { } conflict)
        {
            throw new InvalidOperationException(conflict);
        }
    }

    private void Replace(TKey key, TValue? value)
    {
        _rows.Remove(key, out var old);
        if (value is not null)
        {
            _rows.Add(key, value);
        }

        OnReplaced(key, old, value);
    }
}
