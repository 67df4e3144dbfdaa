using System.Buffers.Binary;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>The row that tells the pipeline the time, for session affinity.</summary>
internal sealed class ClockRow
{
    private readonly TableSchema _table;
    private readonly EntryBuilder _clock;

    /// <exception cref="P4InfoException">The pipeline lacks a table, field or action; the message names it.</exception>
    public ClockRow(Pipeline pipeline)
    {
        _table = pipeline.Table("clock");
        _clock = _table.NewEntry();
        For(1);
    }

    /// <summary>The row with a time in milliseconds. Not thread-safe.</summary>
    public Entry For(uint time) => _clock.Exact("number", 0).Action("show_time").Param("time", time).Build();

    /// <summary>The time in a row; 0 for any other row.</summary>
    public uint Of(Entry row) => ReferenceEquals(row.Table, _table) ? BinaryPrimitives.ReadUInt32BigEndian(row.ActionData) : 0;
}
