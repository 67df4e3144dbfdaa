using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>The rows that were written, for reading them back on a target whose answers can't be trusted.</summary>
internal sealed class TouchedRows
{
    // A bound on what is remembered.
    private const int MostByKey = 1024;

    // One row by its key takes P4-DPDK as long as so many rows of a whole table (docs/performance.md).
    private const int RowsPerKey = 16;

    private readonly HashSet<EntryKey> _keys = [];
    private readonly HashSet<TableSchema> _tables = [];

    /// <summary>The tables that were written.</summary>
    public IReadOnlyCollection<TableSchema> Tables => _tables;

    /// <summary>The keys of all rows that were written; null where reading their tables takes less time.</summary>
    /// <param name="rows">How many rows the target holds.</param>
    public IReadOnlyCollection<EntryKey>? KeysAmong(long rows) =>
        _keys.Count <= MostByKey && (long)_keys.Count * RowsPerKey <= rows ? _keys : null;

    public void Add(EntryKey key)
    {
        _tables.Add(key.Table);
        if (_keys.Count <= MostByKey)
        {
            _keys.Add(key);
        }
    }
}
