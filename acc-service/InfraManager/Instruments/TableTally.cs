using System.Collections.Immutable;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Instruments;

/// <summary>
/// Counts the wanted rows by table, and names some of those that cannot be written. Updated as rows change, since there may be hundreds of
/// thousands.
/// </summary>
internal sealed class TableTally
{
    /// <summary>Most rows that are named.</summary>
    public const int MaxNamedRows = 16;

    private readonly Dictionary<TableSchema, (long Wanted, long Differences)> _tables = [];
    private readonly Dictionary<EntryKey, RowDifference> _rows = [];

    /// <summary>By table, in the order of their names: every table that ever had a row.</summary>
    public ImmutableArray<TableCounts> Tables =>
        [.. _tables.Select(
            t => new TableCounts(t.Key.Alias, t.Value.Wanted, t.Value.Differences)).OrderBy(t => t.Table, StringComparer.Ordinal)];

    /// <summary>Rows that were written, and are not as wanted all the same; at most <see cref="MaxNamedRows"/>.</summary>
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

    /// <summary>A row was tried in vain.</summary>
    /// <param name="key">Which.</param>
    /// <param name="isWanted">Whether an owner wants it.</param>
    /// <param name="isThere">Whether the target has it, perhaps otherwise.</param>
    public void ReportStuck(EntryKey key, bool isWanted, bool isThere)
    {
        if (_rows.Count < MaxNamedRows)
        {
            _rows.TryAdd(
                key, new RowDifference(key.Table.Alias, key.ToString(), !isWanted ? "unwanted" : isThere ? "different" : "missing"));
        }
    }

    /// <summary>The row changed: whether it is as wanted now shows when it is written.</summary>
    public void ClearStuck(EntryKey key)
    {
        if (_rows.Count > 0)
        {
            _rows.Remove(key);
        }
    }

    /// <summary>All are tried again.</summary>
    public void ClearAllStuck() => _rows.Clear();
}

/// <summary>A table's rows.</summary>
/// <param name="Table">Its name.</param>
/// <param name="Wanted">Rows that it is to hold.</param>
/// <param name="Differences">Rows that are not as wanted, as far as is known.</param>
internal sealed record TableCounts(string Table, long Wanted, long Differences);

/// <summary>A row that stays other than wanted.</summary>
/// <param name="Table">Its table.</param>
/// <param name="Row">Table and match fields.</param>
/// <param name="Kind"><c>missing</c>, <c>different</c>, or <c>unwanted</c> for one that should not be there.</param>
internal sealed record RowDifference(string Table, string Row, string Kind);
