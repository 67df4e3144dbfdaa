namespace ACCOffload.InfraManager.State.Tables;

/// <summary>
/// Records the changes of all tables of a model in order, so that they can be undone. It records only which table changed; the table
/// keeps the former row. Not thread-safe.
/// </summary>
internal sealed class StateJournal
{
    private readonly List<StateTable> _changed = [];

    /// <summary>The number of changes recorded since the last <see cref="Forget"/>.</summary>
    public int Mark => _changed.Count;

    /// <summary>The table of the newest change; null when nothing is recorded.</summary>
    public StateTable? Last => _changed.Count > 0 ? _changed[^1] : null;

    /// <returns>The position of the change, which is the mark before it.</returns>
    public int Record(StateTable table)
    {
        _changed.Add(table);
        return _changed.Count - 1;
    }

    /// <summary>Undoes every change since a <see cref="Mark"/>, newest first; 0 for all since the last <see cref="Forget"/>.</summary>
    public void UndoTo(int mark)
    {
        for (var i = _changed.Count - 1; i >= mark; i--)
        {
            _changed[i].UndoLast();
        }

        _changed.RemoveRange(mark, _changed.Count - mark);
    }

    /// <summary>Drops the records and keeps the changes.</summary>
    public void Forget()
    {
        foreach (var table in _changed)
        {
            table.ForgetChanges();
        }

        _changed.Clear();
    }
}
