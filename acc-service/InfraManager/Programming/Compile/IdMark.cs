using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>
/// The high-water mark of IDs that learned flows may refer to, kept as a row of <c>held</c>. It is stored on the target because the flows
/// are: both disappear with the pipeline, whatever happens to the database. The pipeline looks up only kinds 1 and 2, so the row matches no
/// packet. It is written before the first row with an ID beyond the previous mark, and advances in steps, so that new IDs rarely need a
/// write.
/// </summary>
internal sealed class IdMark
{
    /// <summary>The number of IDs by which the mark advances.</summary>
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

    /// <summary>The mark that covers an ID and all smaller ones.</summary>
    public static uint Covering(uint id) => (uint)Math.Min(uint.MaxValue, ((ulong)id + Step - 1) / Step * Step);

    /// <summary>The row that covers IDs up to this one. Not thread-safe.</summary>
    public Entry For(uint id) => _held.Exact("kind", Kind).Exact("value", Covering(id)).Action("hold").Build();

    /// <summary>The mark in a row; 0 for a row that is not a mark.</summary>
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
