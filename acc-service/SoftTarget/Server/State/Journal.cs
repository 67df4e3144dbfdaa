namespace ACCOffload.SoftTarget.Server.State;

/// <summary>
/// Side effects of a batch outside the engine's tables: how to undo them, and what to do after the tables are published (registers and
/// counters are not transactional).
/// </summary>
internal sealed class Journal
{
    private readonly List<Action> _undo = [];
    private readonly List<Action> _afterCommit = [];

    public (int Undo, int AfterCommit) Mark => (_undo.Count, _afterCommit.Count);

    public void OnUndo(Action action) => _undo.Add(action);

    public void AfterCommit(Action action) => _afterCommit.Add(action);

    public void RollbackTo((int Undo, int AfterCommit) mark)
    {
        for (var i = _undo.Count - 1; i >= mark.Undo; i--)
        {
            _undo[i]();
        }

        _undo.RemoveRange(mark.Undo, _undo.Count - mark.Undo);
        _afterCommit.RemoveRange(mark.AfterCommit, _afterCommit.Count - mark.AfterCommit);
    }

    public void Commit()
    {
        foreach (var action in _afterCommit)
        {
            action();
        }

        _undo.Clear();
        _afterCommit.Clear();
    }
}
