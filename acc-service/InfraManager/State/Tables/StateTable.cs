using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Tables;

/// <summary>What the journal and the store need to know about a table, independent of its row type.</summary>
internal abstract class StateTable
{
    /// <summary>The name of the table in the database.</summary>
    public abstract string Name { get; }

    /// <summary>The columns of the primary key.</summary>
    public abstract IReadOnlyList<string> KeyColumns { get; }

    /// <summary>The other columns. A row is written and read in the order: key columns, then value columns.</summary>
    public virtual IReadOnlyList<string> ValueColumns => [];

    /// <summary>The column to sort by when loading; null when the order does not matter.</summary>
    public virtual string? LoadOrder => null;

    /// <summary>Whether it has no rows.</summary>
    public abstract bool IsEmpty { get; }

    /// <summary>Whether there are changes that the database does not have yet.</summary>
    public abstract bool HasUnsaved { get; }

    /// <summary>Adds the current row of the reader.</summary>
    /// <exception cref="FormatException">The row is invalid. Other conversion exceptions mean the same.</exception>
    /// <exception cref="InvalidOperationException">It conflicts with another row.</exception>
    public abstract void Load(RowReader row);

    /// <summary>
    /// Writes the current value, or the deletion, of every row that changed since <see cref="MarkSaved"/>. Writing a row twice is harmless.
    /// </summary>
    /// <param name="put">Takes the key columns, then the value columns.</param>
    /// <param name="delete">Takes the key columns.</param>
    public abstract void WriteUnsaved(RowWriter put, RowWriter delete);

    /// <summary>What <see cref="WriteUnsaved"/> wrote is durable now.</summary>
    public abstract void MarkSaved();

    /// <summary>Adds the owners of the table entries affected by the recorded changes.</summary>
    public abstract void AddChangedOwners(ISet<OwnerId> owners);

    /// <summary>Undoes the newest change. Called by the journal.</summary>
    internal abstract void UndoLast();

    /// <summary>Drops the change records. Called by the journal.</summary>
    internal abstract void ForgetChanges();
}

/// <summary>
/// One kind of durable state: rows by key, with indexes kept by the derived class, change records for the journal, and the stored form of
/// a row. Not thread-safe: only the programmer changes it.
/// </summary>
/// <param name="journal">The model's journal.</param>
internal abstract class StateTable<TKey, TValue>(StateJournal journal) : StateTable
    where TKey : notnull
    where TValue : class
{
    private readonly Dictionary<TKey, TValue> _rows = [];
    private readonly List<(int Position, TKey Key, TValue? Old)> _changes = [];

    // Includes rows whose change was undone: they may have been committed in between.
    private readonly HashSet<TKey> _unsaved = [];

    public int Count => _rows.Count;

    public override bool IsEmpty => _rows.Count == 0;

    public IReadOnlyCollection<TKey> Keys => _rows.Keys;

    public IReadOnlyCollection<TValue> Values => _rows.Values;

    public override bool HasUnsaved => _unsaved.Count > 0;

    /// <summary>The keys of the rows that differ from the database.</summary>
    public IReadOnlyCollection<TKey> UnsavedKeys => _unsaved;

    /// <summary>Whether undo restores the row. Otherwise the row keeps its latest value.</summary>
    protected virtual bool CanUndo => true;

    public TValue? Find(TKey key) => _rows.GetValueOrDefault(key);

    public bool ContainsKey(TKey key) => _rows.ContainsKey(key);

    /// <summary>Sets a row, or removes it if the value is null. The caller has checked for conflicts.</summary>
    /// <exception cref="InvalidOperationException">The row conflicts with another; nothing was changed.</exception>
    public void Set(TKey key, TValue? value)
    {
        var old = Find(key);
        if (Equals(old, value))
        {
            return;
        }

        ThrowIfConflict(value);
        _unsaved.Add(key);

        // A change that cannot be undone only has to be visible: one record between two changes of other tables is enough.
        if (CanUndo || !ReferenceEquals(journal.Last, this))
        {
            _changes.Add((journal.Record(this), key, old));
        }

        Replace(key, value);
    }

    /// <summary>Removes a row if it exists.</summary>
    public void Remove(TKey key) => Set(key, null);

    /// <summary>Why the row conflicts with another one; null when it does not.</summary>
    public virtual string? ConflictOf(TValue value) => null;

    /// <summary>The changes recorded since the journal's <paramref name="mark"/>, oldest first, each with the value before it.</summary>
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
            // A row that was removed and added again may have another owner.
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

    /// <summary>Adds a row without recording it: one read from the store, or one that is never stored.</summary>
    /// <exception cref="InvalidOperationException">It conflicts with another row.</exception>
    protected void AddUnrecorded(TKey key, TValue value)
    {
        ThrowIfConflict(value);
        Replace(key, value);
    }

    /// <summary>Updates the indexes after a row was added, replaced or removed.</summary>
    /// <param name="key">The row's key.</param>
    /// <param name="old">Null when the row was added.</param>
    /// <param name="value">Null when the row was removed.</param>
    protected virtual void OnReplaced(TKey key, TValue? old, TValue? value)
    {
    }

    /// <summary>The owner of the table entries that the row affects; null when there is none or the row is null.</summary>
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
