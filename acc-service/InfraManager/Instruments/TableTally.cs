using System.Collections.Immutable;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Instruments;

/// <summary>
/// Counts the desired rows by table, and names some of those that cannot be written. Updated as rows change, because recounting hundreds
/// of thousands would be slow.
/// </summary>
internal sealed class TableTally
{
    /// <summary>Maximum number of named rows.</summary>
    public const int MaxNamedRows = 16;

    private readonly Dictionary<TableSchema, (long Wanted, long Differences)> _tables = [];
    private readonly Dictionary<EntryKey, RowDifference> _rows = [];

    /// <summary>Every table that ever had a row, sorted by name.</summary>
    public ImmutableArray<TableCounts> Tables =>
        [.. _tables.Select(
            t => new TableCounts(t.Key.Alias, t.Value.Wanted, t.Value.Differences)).OrderBy(t => t.Table, StringComparer.Ordinal)];

    /// <summary>Rows that still differ from the desired state after a write; at most <see cref="MaxNamedRows"/>.</summary>
    public ImmutableArray<RowDifference> Rows => [.. _rows.Values];

    public void CountWanted(TableSchema table, int by)
    {
        var (wanted, differences) = _tables.GetValueOrDefault(table);
        _tables[table] = (wanted + by, differences);
    }

    public void CountDifference(TableSchema table, int by)
    {
        var (wanted, differences) = _tables.GetValueOrDefault(table);
        _tables[table] = (wanted, differences + by);
    }

    /// <summary>Records a row whose write did not succeed.</summary>
    /// <param name="key">The row.</param>
    /// <param name="isWanted">Whether an owner wants it.</param>
    /// <param name="isThere">Whether the target has the row, possibly with other content.</param>
    public void ReportStuck(EntryKey key, bool isWanted, bool isThere)
    {
        if (_rows.Count < MaxNamedRows)
        {
            _rows.TryAdd(
                key, new RowDifference(key.Table.Alias, key.ToString(), !isWanted ? "unwanted" : isThere ? "different" : "missing"));
        }
    }

    /// <summary>Forgets a row that has changed: its next write shows whether it differs.</summary>
    public void ClearStuck(EntryKey key)
    {
        if (_rows.Count > 0)
        {
            _rows.Remove(key);
        }
    }

    /// <summary>Forgets all rows, because their writes are retried.</summary>
    public void ClearAllStuck() => _rows.Clear();
}

/// <summary>The rows of a table.</summary>
/// <param name="Table">Name of the table.</param>
/// <param name="Wanted">Number of rows that the table should hold.</param>
/// <param name="Differences">Number of rows known to differ from the desired state.</param>
internal sealed record TableCounts(string Table, long Wanted, long Differences);

/// <summary>A row that still differs from the desired state.</summary>
/// <param name="Table">Name of its table.</param>
/// <param name="Row">Table and match fields.</param>
/// <param name="Kind"><c>missing</c>, <c>different</c>, or <c>unwanted</c> for one that should not be there.</param>
internal sealed record RowDifference(string Table, string Row, string Kind);
