using System.Buffers.Binary;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.RuleCounters;

/// <summary>Reads the table <c>verdicts</c>: 16,000 rows are read every few seconds, so nothing is allocated for each.</summary>
internal static class VerdictReader
{
    /// <summary>Name of the table.</summary>
    public const string Table = "verdicts";

    private const string LoggedPrefix = "log_";
    private const string Allow = "allow";

    /// <summary>The table; null if the pipeline has none, or one with other fields.</summary>
    public static TableSchema? FindTable(Pipeline pipeline)
    {
        foreach (var table in pipeline.Tables)
        {
            if (table.Alias == Table)
            {
                return table.Fields is [{ Name: "group", BitWidth: 32 }, { Name: "port_class", BitWidth: 16 }] ? table : null;
            }
        }

        return null;
    }

    /// <param name="row">A row of the table of <see cref="FindTable"/>.</param>
    public static VerdictCount Read(CountedEntry row)
    {
        // Packed: each field big-endian and in full width, in the order of the schema.
        var key = row.Entry.Key.Data;
        var action = row.Entry.Action.Alias;
        return new VerdictCount(
            new VerdictCell(BinaryPrimitives.ReadUInt32BigEndian(key), BinaryPrimitives.ReadUInt16BigEndian(key[sizeof(uint)..])),
            BinaryPrimitives.ReadUInt32BigEndian(row.Entry.ActionData),
            action.EndsWith(Allow, StringComparison.Ordinal),
            action.StartsWith(LoggedPrefix, StringComparison.Ordinal),
            row.Packets);
    }
}
