using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>
/// A row of <c>held</c> that says up to which number ids may have been given that learned flows name. It is on the target because the
/// learned flows are: both go with the pipeline, whatever becomes of the database. The pipeline looks only kinds 1 and 2 up, so the row
/// meets no packet. It is there before the first row with an id beyond the one before it, and goes up in steps, so that ids seldom cost a
/// row.
/// </summary>
internal sealed class IdMark
{
    /// <summary>How many ids a row stands for.</summary>
    public const uint Step = 4096;

    private const ulong Kind = 3;

    private readonly TableSchema _table;
    private readonly EntryBuilder _held;

    /// <exception cref="P4InfoException">The pipeline lacks a table, field or action; the message names it.</exception>
    public IdMark(Pipeline pipeline)
    {
        _table = pipeline.Table("held");
        _held = _table.NewEntry();
        For(1);
    }

    /// <summary>The mark that covers an id, and all before it.</summary>
    public static uint Covering(uint id) => (uint)Math.Min(uint.MaxValue, ((ulong)id + Step - 1) / Step * Step);

    /// <summary>The row for ids up to this one. Not thread-safe.</summary>
    public Entry For(uint id) => _held.Exact("kind", Kind).Exact("value", Covering(id)).Action("hold").Build();

    /// <summary>The mark of a row; 0 for a row that is not a mark.</summary>
    public uint Of(Entry row) => ReferenceEquals(row.Table, _table) && Number(row, "kind") == Kind ? (uint)Number(row, "value") : 0;

    private static ulong Number(Entry row, string field)
    {
        ulong number = 0;
        foreach (var b in row.EnumerateMatch().Single(m => m.Field.Name == field).Value.Span)
        {
            number = (number << 8) | b;
        }

        return number;
    }
}
