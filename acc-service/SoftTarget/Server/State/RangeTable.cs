using System.Buffers.Binary;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Server.Bind;
using MatchType = P4.Config.V1.MatchField.Types.MatchType;

namespace ACCOffload.SoftTarget.Server.State;

/// <summary>An entry of a table with range fields, as the controller wrote it.</summary>
internal sealed class RangeEntry(byte[] identity, List<byte[]> rows)
{
    public byte[] Identity { get; } = identity;

    /// <summary>The engine's rows: key, then mask.</summary>
    public List<byte[]> Rows { get; } = rows;

    public uint Priority => BinaryPrimitives.ReadUInt32BigEndian(Identity.AsSpan(Identity.Length - sizeof(uint)));

    public int Action { get; set; }

    public byte[] Data { get; set; } = [];
}

/// <summary>
/// A table with range fields. SWX supports only masks, so a range becomes the prefixes that cover it, each a row in the engine. If two
/// entries of the same priority need the same row, the older entry owns it; when that entry is deleted, the row passes to the newer one.
/// </summary>
internal sealed class RangeTable(BoundTable table, long size)
{
    /// <summary>Maximum number of rows of one entry; two 16-bit ranges need at most 900.</summary>
    private const int MaxRows = 1024;

    private readonly Dictionary<byte[], RangeEntry> _entries = new(ByteKey.Comparer);
    private readonly Dictionary<byte[], List<RangeEntry>> _holders = new(ByteKey.Comparer);

    public IEnumerable<RangeEntry> Entries => _entries.Values;

    public RangeEntry? Find(ReadOnlySpan<byte> identity)
        => _entries.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(identity, out var entry) ? entry : null;

    public SwxChange Insert(EntryDecoder decoded, int action, ReadOnlySpan<byte> data, SwxUpdate update, Journal journal)
    {
        Span<byte> buffer = stackalloc byte[PipelineState.IdentityBytes(table)];
        var identity = buffer[..PipelineState.Identity(decoded, buffer)];
        if (Find(identity) is not null)
        {
            return SwxChange.Exists;
        }

        if (_entries.Count >= size || Expand(decoded) is not { } rows)
        {
            return SwxChange.Full;
        }

        var entry = new RangeEntry(identity.ToArray(), rows) { Action = action, Data = data.ToArray() };
        foreach (var row in rows)
        {
            if (Hold(row, entry, journal) && update.Insert(table.Engine, Key(row), Mask(row), entry.Priority, action, data) != SwxChange.Ok)
            {
                return SwxChange.Full;
            }
        }

        _entries.Add(entry.Identity, entry);
        journal.OnUndo(() => _entries.Remove(entry.Identity));
        return SwxChange.Ok;
    }

    public void Modify(RangeEntry entry, int action, ReadOnlySpan<byte> data, SwxUpdate update, Journal journal)
    {
        var (oldAction, oldData) = (entry.Action, entry.Data);
        journal.OnUndo(() => (entry.Action, entry.Data) = (oldAction, oldData));
        (entry.Action, entry.Data) = (action, data.ToArray());
        foreach (var row in entry.Rows)
        {
            if (_holders[HolderKey(row, entry)][0] == entry)
            {
                update.Modify(table.Engine, Key(row), Mask(row), entry.Priority, action, data);
            }
        }
    }

    public void Delete(RangeEntry entry, SwxUpdate update, Journal journal)
    {
        foreach (var row in entry.Rows)
        {
            var key = HolderKey(row, entry);
            var holders = _holders[key];
            var place = holders.IndexOf(entry);
            holders.RemoveAt(place);
            if (holders.Count == 0)
            {
                _holders.Remove(key);
            }

            journal.OnUndo(() =>
            {
                _holders[key] = holders;
                holders.Insert(place, entry);
            });
            if (place != 0)
            {
                continue;
            }

            if (holders.Count == 0)
            {
                update.Delete(table.Engine, Key(row), Mask(row), entry.Priority);
            }
            else
            {
                update.Modify(table.Engine, Key(row), Mask(row), entry.Priority, holders[0].Action, holders[0].Data);
            }
        }

        _entries.Remove(entry.Identity);
        journal.OnUndo(() => _entries.Add(entry.Identity, entry));
    }

    /// <summary>Adds an entry to the holders of a row; true if it is the first.</summary>
    private bool Hold(byte[] row, RangeEntry entry, Journal journal)
    {
        var key = HolderKey(row, entry);
        if (!_holders.TryGetValue(key, out var holders))
        {
            _holders.Add(key, holders = []);
        }

        holders.Add(entry);
        journal.OnUndo(() =>
        {
            holders.Remove(entry);
            if (holders.Count == 0)
            {
                _holders.Remove(key);
            }
        });
        return holders.Count == 1;
    }

    private ReadOnlySpan<byte> Key(byte[] row) => row.AsSpan(0, table.KeyBytes);

    private ReadOnlySpan<byte> Mask(byte[] row) => row.AsSpan(table.KeyBytes);

    private static byte[] HolderKey(byte[] row, RangeEntry entry)
    {
        var key = new byte[row.Length + sizeof(uint)];
        row.CopyTo(key, 0);
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(row.Length), entry.Priority);
        return key;
    }

    /// <summary>The rows that cover the entry; null if there are too many.</summary>
    private List<byte[]>? Expand(EntryDecoder decoded)
    {
        var first = new byte[2 * table.KeyBytes];
        decoded.Key.CopyTo(first);
        decoded.Mask.CopyTo(first.AsSpan(table.KeyBytes));
        List<byte[]> rows = [first];
        foreach (var field in table.Fields.Where(f => f.Type == MatchType.Range))
        {
            var prefixes = RangePrefixes.Cover(
                Number(decoded.Key.Slice(field.Offset, field.Bytes)), Number(decoded.High.Slice(field.Offset, field.Bytes)), field.Bits);
            if ((long)rows.Count * prefixes.Count > MaxRows)
            {
                return null;
            }

            rows = rows.SelectMany(row => prefixes.Select(p => With(row, field, p.Value, p.Mask))).ToList();
        }

        return rows;
    }

    private byte[] With(byte[] row, BoundField field, ulong value, ulong mask)
    {
        var copy = (byte[])row.Clone();
        Put(copy.AsSpan(field.Offset, field.Bytes), value);
        Put(copy.AsSpan(table.KeyBytes + field.Offset, field.Bytes), mask);
        return copy;
    }

    private static void Put(Span<byte> destination, ulong value)
    {
        for (var i = destination.Length - 1; i >= 0; i--, value >>= 8)
        {
            destination[i] = (byte)value;
        }
    }

    private static ulong Number(ReadOnlySpan<byte> bytes)
    {
        var value = 0UL;
        foreach (var b in bytes)
        {
            value = (value << 8) | b;
        }

        return value;
    }
}
