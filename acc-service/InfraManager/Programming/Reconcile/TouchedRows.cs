using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>The rows that were written, to be read back on a target whose answers are unreliable.</summary>
internal sealed class TouchedRows
{
    // Bounds the memory.
    private const int MaxKeys = 1024;

    // Reading one row by key takes P4-DPDK as long as reading this many rows of a whole table (docs/performance.md).
    private const int RowsPerKey = 16;

    private readonly HashSet<EntryKey> _keys = [];
    private readonly HashSet<TableSchema> _tables = [];

    /// <summary>The tables that were written.</summary>
    public IReadOnlyCollection<TableSchema> Tables => _tables;

    /// <summary>The keys of all written rows; null if there are too many to read by key.</summary>
    /// <param name="rows">The number of rows on the target.</param>
    public IReadOnlyCollection<EntryKey>? KeysAmong(long rows) =>
        _keys.Count <= MaxKeys && (long)_keys.Count * RowsPerKey <= rows ? _keys : null;

    public void Add(EntryKey key)
    {
        _tables.Add(key.Table);
        if (_keys.Count <= MaxKeys)
        {
            _keys.Add(key);
        }
    }
}
