namespace ACCOffload.InfraManager.State.Tables;

/// <summary>
/// The changes of all tables of a model in the order in which they were made, so that they can be undone. It only says which table changed;
/// what the row was before is in the table. Not thread-safe.
/// </summary>
internal sealed class StateJournal
{
    private readonly List<StateTable> _changed = [];

    /// <summary>How many changes were recorded since the last <see cref="Forget"/>.</summary>
    public int Mark => _changed.Count;

    /// <summary>The table of the newest change; null when nothing is recorded.</summary>
    public StateTable? Last => _changed.Count > 0 ? _changed[^1] : null;

    /// <returns>The change's position: the mark before it.</returns>
    public int Record(StateTable table)
    {
        _changed.Add(table);
        return _changed.Count - 1;
    }

    /// <summary>Undoes every change since the last <see cref="Forget"/>, newest first.</summary>
    public void Undo()
    {
        for (var i = _changed.Count - 1; i >= 0; i--)
        {
            _changed[i].UndoLast();
        }

        _changed.Clear();
    }

    /// <summary>Drops the records; the changes stay.</summary>
    public void Forget()
    {
        foreach (var table in _changed)
        {
            table.ForgetChanges();
        }

        _changed.Clear();
    }
}
