using System.Runtime.CompilerServices;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>
/// A set of changes that packets see atomically. A change is applied to the inactive copy of the tables at once, so later lookups and
/// changes of the same update see it. Arguments that don't fit the table (lengths, actions, prefixes) throw <see cref="ArgumentException"/>
/// and change nothing.
/// </summary>
public sealed unsafe class SwxUpdate : IDisposable
{
    private readonly SwxPipeline _pipeline;
    private readonly TableSet _set;
    private readonly ChangeLog _log;

    internal SwxUpdate(SwxPipeline pipeline, TableSet set, ChangeLog log)
    {
        _pipeline = pipeline;
        _set = set;
        _log = log;
    }

    internal bool Closed { get; set; }

    /// <summary>Number of changes made.</summary>
    public int Changes => _log.Count;

    /// <summary>Adds an entry.</summary>
    /// <param name="table">Index of the table.</param>
    /// <param name="key">Packed key; bits outside the mask must be 0.</param>
    /// <param name="mask">Packed mask; empty for an exact table. A prefix for lpm fields, all ones for exact fields.</param>
    /// <param name="priority">Priority in a wildcard table: the larger one wins, or the earlier entry if equal; 0 in other tables.</param>
    /// <param name="action">Index of the action.</param>
    /// <param name="data">Action data: the arguments in order, big-endian, full width.</param>
    public SwxChange Insert(
        int table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority, int action, ReadOnlySpan<byte> data)
        => Change(ChangeKind.Insert, table, key, mask, priority, action, data);

    /// <summary>Replaces the action of an entry.</summary>
    /// <param name="table">Index of the table.</param>
    /// <param name="key">Packed key.</param>
    /// <param name="mask">Packed mask; empty for an exact table.</param>
    /// <param name="priority">Its priority.</param>
    /// <param name="action">Index of the new action.</param>
    /// <param name="data">New action data.</param>
    public SwxChange Modify(
        int table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority, int action, ReadOnlySpan<byte> data)
        => Change(ChangeKind.Modify, table, key, mask, priority, action, data);

    /// <summary>Removes an entry.</summary>
    /// <param name="table">Index of the table.</param>
    /// <param name="key">Packed key.</param>
    /// <param name="mask">Packed mask; empty for an exact table.</param>
    /// <param name="priority">Its priority.</param>
    public SwxChange Delete(int table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority)
        => Change(ChangeKind.Delete, table, key, mask, priority, 0, default);

    /// <summary>Removes all entries of a table.</summary>
    public void Clear(int table)
    {
        Open();
        var store = Store(table);
        var rows = new List<(byte[] Key, byte[] Mask, uint Priority)>(store.Count);
        store.ForEach((key, mask, priority, _, _) =>
        {
            rows.Add((key.ToArray(), mask.ToArray(), priority));
            return true;
        });
        foreach (var (key, mask, priority) in rows)
        {
            Delete(table, key, mask, priority);
        }
    }

    /// <summary>Sets the default action of a table.</summary>
    /// <exception cref="ArgumentException">The default action is constant, or the action can't be the default.</exception>
    public void SetDefaultAction(int table, int action, ReadOnlySpan<byte> data)
    {
        Open();
        var store = Store(table);
        if (store.Table.DefaultIsConst)
        {
            throw new ArgumentException($"the default action of table {store.Table} is constant", nameof(action));
        }

        CheckAction(store, action, data, isDefault: true);
        SetDefault(store, action, data);
    }

    /// <summary>Restores the default action of the specification.</summary>
    public void ResetDefaultAction(int table)
    {
        Open();
        var store = Store(table);
        SetDefault(store, store.Table.DefaultAction.Index, store.Table.DefaultActionData.Span);
    }

    /// <summary>Sets the members of a selector group; an empty list removes it.</summary>
    /// <exception cref="ArgumentException">
    /// The group ID is out of range, or the members don't fit: too many, a duplicate, a weight out of range, or too large a sum of weights.
    /// </exception>
    public void SetGroup(int selector, uint group, ReadOnlySpan<SwxMember> members)
    {
        if (TrySetGroup(selector, group, members) is { } problem)
        {
            throw new ArgumentException(problem, nameof(members));
        }
    }

    /// <summary>Sets the members of a selector group if they fit.</summary>
    /// <returns>Why they don't fit; null if they were set.</returns>
    public string? TrySetGroup(int selector, uint group, ReadOnlySpan<SwxMember> members)
    {
        Open();
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)selector, (uint)_set.Selectors.Length, nameof(selector));
        var store = _set.Selectors[selector];
        if (store.ProblemOf(group, members) is { } problem)
        {
            return problem;
        }

        var before = store.Get(group);
        var after = members.ToArray();
        store.Set(group, after);
        _log.AddGroup(selector, group, after, before);
        return null;
    }

    /// <summary>Undoes all changes since a mark (an earlier value of <see cref="Changes"/>).</summary>
    public void RollbackTo(int mark)
    {
        Open();
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)mark, (uint)_log.Count, nameof(mark));
        _log.Undo(_set, mark);
    }

    /// <summary>Undoes the update unless it was committed.</summary>
    public void Dispose()
    {
        if (Closed)
        {
            return;
        }

        _log.Undo(_set, 0);
        _pipeline.Close(this);
    }

    [SkipLocalsInit]
    private SwxChange Change(
        ChangeKind kind, int table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority, int action, ReadOnlySpan<byte> data)
    {
        Open();
        var store = Store(table);
        var words = store.Words;
        var space = stackalloc ulong[words * 2];
        var effective = EntryKey.Encode(store, key, mask, priority, space, space + words);
        if (kind != ChangeKind.Delete)
        {
            CheckAction(store, action, data, isDefault: false);
        }

        var entry = store.Find(space, space + words, effective);
        if (kind == ChangeKind.Insert ? entry != null : entry == null)
        {
            return kind == ChangeKind.Insert ? SwxChange.Exists : SwxChange.Missing;
        }

        if (kind == ChangeKind.Insert && store.Count >= store.Table.Size)
        {
            return SwxChange.Full;
        }

        var change = new Change { Kind = kind, Table = table, Priority = effective, Action = action };
        var old = default(ReadOnlySpan<byte>);
        if (entry != null)
        {
            change.OldAction = store.Action(entry);
            change.OldSequence = store.Sequence(entry);
            old = store.Data(entry);
        }
        // Record the change once it can't fail any more, but before the old data is overwritten.
        if (kind == ChangeKind.Insert)
        {
            store.Insert(space, space + words, effective, action, data);
        }

        _log.Add(change, new ReadOnlySpan<ulong>(space, words), new ReadOnlySpan<ulong>(space + words, store.Exact ? 0 : words), data, old);
        if (kind == ChangeKind.Modify)
        {
            store.Set(entry, action, data);
        }
        else if (kind == ChangeKind.Delete)
        {
            store.Delete(entry);
        }

        return SwxChange.Ok;
    }

    private void SetDefault(TableStore store, int action, ReadOnlySpan<byte> data)
    {
        var change = new Change
        {
            Kind = ChangeKind.DefaultAction,
            Table = store.Table.Index,
            Action = action,
            OldAction = store.DefaultAction,
        };
        _log.Add(change, default, default, data, store.DefaultData);
        store.SetDefault(action, data);
    }

    private static void CheckAction(TableStore store, int action, ReadOnlySpan<byte> data, bool isDefault)
    {
        foreach (var listed in store.Table.Actions)
        {
            if (listed.Action.Index != action)
            {
                continue;
            }

            if (isDefault ? !listed.ForDefault : !listed.ForEntries)
            {
                throw new ArgumentException(
                    $"action {listed.Action} can't be used for {(isDefault ? "the default" : "entries")} of table {store.Table}",
                    nameof(action));
            }

            if (data.Length != listed.Action.DataBytes)
            {
                throw new ArgumentException(
                    $"action {listed.Action} requires {listed.Action.DataBytes} bytes of data, not {data.Length}", nameof(data));
            }

            return;
        }
        throw new ArgumentException($"action {action} is not among the actions of table {store.Table}", nameof(action));
    }

    private TableStore Store(int table)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)table, (uint)_set.Tables.Length, nameof(table));
        return _set.Tables[table];
    }

    private void Open() => ObjectDisposedException.ThrowIf(Closed, this);
}
