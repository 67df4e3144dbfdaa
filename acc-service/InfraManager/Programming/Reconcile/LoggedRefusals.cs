using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>
/// The refusals that were logged, so that a row that is tried again is not told of again. Holds some hundred bytes for each of at most
/// 1,024 rows.
/// </summary>
internal sealed class LoggedRefusals
{
    private const int MaxRows = 1024;
    private readonly Dictionary<EntryKey, string> _told = [];

    /// <summary>Whether this is news: another reason than the last one of the row, or the first.</summary>
    public bool Note(EntryKey key, string reason)
    {
        if (_told.GetValueOrDefault(key) == reason)
        {
            return false;
        }

        if (_told.Count >= MaxRows)
        {
            _told.Clear();
        }

        _told[key] = reason;
        return true;
    }

    /// <summary>The row is as wanted: the next refusal is news.</summary>
    public void Forget(EntryKey key)
    {
        if (_told.Count > 0)
        {
            _told.Remove(key);
        }
    }
}
