using System.Buffers.Binary;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Server.Bind;

namespace ACCOffload.SoftTarget.Server.State;

/// <summary>
/// A running pipeline and the controllers' state that the engine does not have: profiles, range entries, metadata. Plain entries are stored
/// only in the engine's tables. All access is under the device's lock.
/// </summary>
internal sealed class PipelineState
{
    private readonly Dictionary<uint, Dictionary<byte[], EntryExtras>> _extras = [];

    public PipelineState(BoundPipeline bound, SwxPipeline engine)
    {
        Bound = bound;
        Engine = engine;
        Decoder = new EntryDecoder(bound);
        foreach (var profile in bound.Profiles.Values)
        {
            Profiles.Add(profile.Id, new ProfileState(profile));
        }

        foreach (var table in bound.Tables.Values.Where(t => t.HasRange))
        {
            Ranges.Add(table.Id, new RangeTable(table, bound.Program.Tables[table.Engine].Size));
        }
    }

    public BoundPipeline Bound { get; }

    public SwxPipeline Engine { get; }

    /// <summary>Decoder for Writes and Reads; its buffers are shared by all entries.</summary>
    public EntryDecoder Decoder { get; }

    public Dictionary<uint, ProfileState> Profiles { get; } = [];

    /// <summary>Tables with range fields.</summary>
    public Dictionary<uint, RangeTable> Ranges { get; } = [];

    /// <summary>Packs the identity of the decoded entry: key, mask (upper bounds in range fields) and priority.</summary>
    public static int Identity(EntryDecoder entry, Span<byte> destination)
    {
        if (entry.IsDefault)
        {
            return 0;
        }

        var table = entry.Table;
        var at = table.KeyBytes;
        entry.Key.CopyTo(destination);
        if (table.HasMask)
        {
            entry.Mask.CopyTo(destination[at..]);
            foreach (var field in table.Fields)
            {
                if (field.Type == P4.Config.V1.MatchField.Types.MatchType.Range)
                {
                    entry.High.Slice(field.Offset, field.Bytes).CopyTo(destination[(at + field.Offset)..]);
                }
            }

            at += table.KeyBytes;
        }

        BinaryPrimitives.WriteUInt32BigEndian(destination[at..], entry.Priority);
        return at + sizeof(uint);
    }

    /// <summary>Maximum number of bytes of <see cref="Identity"/>.</summary>
    public static int IdentityBytes(BoundTable table) => (2 * table.KeyBytes) + sizeof(uint);

    public EntryExtras? FindExtras(uint table, ReadOnlySpan<byte> identity)
        => _extras.TryGetValue(table, out var store)
            && store.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(identity, out var extras) ? extras : null;

    public bool HasExtras(uint table) => _extras.TryGetValue(table, out var store) && store.Count != 0;

    /// <summary>Sets or (null) removes an entry's extras.</summary>
    public void SetExtras(EntryDecoder entry, EntryExtras? extras, Journal journal)
    {
        if (extras is null && !HasExtras(entry.Table.Id))
        {
            return;
        }

        if (!_extras.TryGetValue(entry.Table.Id, out var store))
        {
            _extras.Add(entry.Table.Id, store = new(ByteKey.Comparer));
        }

        Span<byte> buffer = stackalloc byte[IdentityBytes(entry.Table)];
        var identity = buffer[..Identity(entry, buffer)].ToArray();
        var old = store.GetValueOrDefault(identity);
        Put(store, identity, extras);
        journal.OnUndo(() => Put(store, identity, old));
    }

    private static void Put(Dictionary<byte[], EntryExtras> store, byte[] identity, EntryExtras? extras)
    {
        if (extras is null)
        {
            store.Remove(identity);
        }
        else
        {
            store[identity] = extras;
        }
    }
}
