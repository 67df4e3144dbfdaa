using System.Buffers;
using System.Buffers.Binary;
using ACCOffload.SoftTarget.Server.Bind;

namespace ACCOffload.SoftTarget.Server.State;

/// <summary>
/// A packed copy of a table's entries: taken under a lock, converted to messages afterwards. A row consists of key, mask (upper bounds in
/// range fields), priority, action and action data.
/// </summary>
internal sealed class TableRows(BoundTable table) : IDisposable
{
    private const int BlockBytes = 256 << 10;

    private readonly int _stride = (table.HasMask ? 2 * table.KeyBytes : table.KeyBytes) + (2 * sizeof(uint)) + table.DataBytes;
    private readonly List<byte[]> _blocks = [];
    private int _lastCount;

    public BoundTable Table => table;

    public int Count => _blocks.Count == 0 ? 0 : ((_blocks.Count - 1) * PerBlock) + _lastCount;

    private int PerBlock => Math.Max(1, BlockBytes / _stride);

    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority, int action, ReadOnlySpan<byte> data)
    {
        if (_blocks.Count == 0 || _lastCount == PerBlock)
        {
            _blocks.Add(ArrayPool<byte>.Shared.Rent(PerBlock * _stride));
            _lastCount = 0;
        }

        var row = _blocks[^1].AsSpan(_lastCount++ * _stride, _stride);
        key.CopyTo(row);
        row = row[key.Length..];
        mask.CopyTo(row);
        row = row[mask.Length..];
        BinaryPrimitives.WriteUInt32BigEndian(row, priority);
        BinaryPrimitives.WriteInt32BigEndian(row[sizeof(uint)..], action);
        data.CopyTo(row[(2 * sizeof(uint))..]);
    }

    public TableRow this[int index]
    {
        get
        {
            var row = _blocks[index / PerBlock].AsSpan(index % PerBlock * _stride, _stride);
            var key = table.KeyBytes;
            var mask = table.HasMask ? key : 0;
            return new TableRow
            {
                Identity = row[..(key + mask + sizeof(uint))],
                Key = row[..key],
                Mask = row.Slice(key, mask),
                Priority = BinaryPrimitives.ReadUInt32BigEndian(row[(key + mask)..]),
                Action = BinaryPrimitives.ReadInt32BigEndian(row[(key + mask + sizeof(uint))..]),
                Data = row[(key + mask + (2 * sizeof(uint)))..],
            };
        }
    }

    public void Dispose() => Clear();

    /// <summary>Removes all rows.</summary>
    public void Clear()
    {
        foreach (var block in _blocks)
        {
            ArrayPool<byte>.Shared.Return(block);
        }

        _blocks.Clear();
    }
}

/// <summary>One row.</summary>
internal ref struct TableRow
{
    /// <summary>The entry's <see cref="PipelineState.Identity"/>.</summary>
    public ReadOnlySpan<byte> Identity;
    public ReadOnlySpan<byte> Key;
    public ReadOnlySpan<byte> Mask;
    public uint Priority;
    public int Action;
    public ReadOnlySpan<byte> Data;
}
