using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>
/// Remembers logged refusals, so that a retried row is not logged again. Uses a few hundred bytes for each of at most 1,024 rows.
/// </summary>
internal sealed class LoggedRefusals
{
    private const int MaxRows = 1024;
    private readonly Dictionary<EntryKey, string> _logged = [];

    /// <summary>Whether the refusal should be logged: it is the row's first, or has another reason than the previous one.</summary>
    public bool Note(EntryKey key, string reason)
    {
        if (_logged.GetValueOrDefault(key) == reason)
        {
            return false;
        }

        if (_logged.Count >= MaxRows)
        {
            _logged.Clear();
        }

        _logged[key] = reason;
        return true;
    }

    /// <summary>Forgets a row that was written: its next refusal is logged.</summary>
    public void Forget(EntryKey key)
    {
        if (_logged.Count > 0)
        {
            _logged.Remove(key);
        }
    }
}
