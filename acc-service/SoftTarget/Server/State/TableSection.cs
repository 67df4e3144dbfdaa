using System.Buffers.Binary;
using ACCOffload.SoftTarget.Server.Bind;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.State;

/// <summary>Entries of one table, or their direct counters.</summary>
internal sealed class TableSection(TableRows rows) : ReadSection
{
    private int _index = -1;

    /// <summary>Direct counters of the rows, if requested.</summary>
    public List<(ulong Packets, ulong Bytes)>? Counters { get; init; }

    /// <summary>Whether to write DirectCounterEntry messages.</summary>
    public bool CountersOnly { get; init; }

    /// <summary>Extras of rows that have some.</summary>
    public Dictionary<int, EntryExtras> Extras { get; } = [];

    /// <summary>For a table with a profile: the controller's reference of each row.</summary>
    public List<ReadReference>? References { get; init; }

    public TableRows Rows => rows;

    public override int EntityBytes
    {
        get
        {
            var table = rows.Table;
            var shots = References?.Select(r => r.OneShot?.CalculateSize() ?? 0).DefaultIfEmpty().Max() ?? 0;
            var extras = Extras.Values.Select(e => e.Metadata.Length).DefaultIfEmpty().Max();
            return 256 + shots + extras + (table.Fields.Length * 48) + (2 * table.KeyBytes) + (table.DataBytes * 24);
        }
    }

    public override bool MoveNext() => ++_index < rows.Count;

    public override void Write(ref BackwardWriter writer)
    {
        var table = rows.Table;
        var row = rows[_index];
        var start = writer.Length;
        if (CountersOnly)
        {
            EntryWriter.Counter(ref writer, 2, Counters![_index].Packets, Counters[_index].Bytes);
            var entry = writer.Length;
            WriteKey(ref writer, table, row);
            writer.Message(1, entry);
            writer.Message((uint)Entity.EntityOneofCase.DirectCounterEntry, start);
            return;
        }

        var extras = Extras.GetValueOrDefault(_index);
        if (extras is not null)
        {
            writer.Bytes(11, extras.Metadata);
        }

        if (Counters is not null)
        {
            EntryWriter.Counter(ref writer, 7, Counters[_index].Packets, Counters[_index].Bytes);
        }

        if (extras is not null)
        {
            writer.Number(5, extras.ControllerMetadata);
        }

        writer.Number(4, row.Priority);
        WriteAction(ref writer, table, row);
        EntryWriter.Matches(ref writer, table, row);
        writer.Number(1, table.Id);
        writer.Message((uint)Entity.EntityOneofCase.TableEntry, start);
    }

    private void WriteAction(ref BackwardWriter writer, BoundTable table, scoped in TableRow row)
    {
        var start = writer.Length;
        if (References is not null)
        {
            var reference = References[_index];
            if (reference.OneShot is not null)
            {
                writer.Raw(Google.Protobuf.MessageExtensions.ToByteArray(reference.OneShot));
                writer.Message(4, start);
            }
            else
            {
                writer.Number(reference.IsGroup ? 3u : 2u, reference.Id);
            }
        }
        else if (table.FindEngineAction(row.Action) is { } action)
        {
            EntryWriter.Action(ref writer, 1, action, row.Data);
        }

        writer.Message(3, start);
    }

    private static void WriteKey(ref BackwardWriter writer, BoundTable table, scoped in TableRow row)
    {
        writer.Number(4, row.Priority);
        EntryWriter.Matches(ref writer, table, row);
        writer.Number(1, table.Id);
    }

    public override void Dispose()
    {
        rows.Dispose();
        base.Dispose();
    }
}

/// <summary>The reference of an entry of a table with an action profile.</summary>
internal readonly record struct ReadReference(uint Id, bool IsGroup, ActionProfileActionSet? OneShot)
{
    public static ReadReference Of(PipelineState state, BoundTable table, int action, ReadOnlySpan<byte> data)
    {
        var id = BinaryPrimitives.ReadUInt32BigEndian(data);
        if (action == table.SetMemberAction)
        {
            return new ReadReference(id, false, null);
        }

        var profile = state.Profiles[table.Profile!.Id];
        return profile.ByEngineId.TryGetValue(id, out var group)
            ? new ReadReference(group.Message.GroupId, true, null)
            : new ReadReference(0, true, profile.OneShots[id].Set);
    }
}
