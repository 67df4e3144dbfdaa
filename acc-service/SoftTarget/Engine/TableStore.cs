namespace ACCOffload.SoftTarget.Engine;

/// <summary>
/// The writer's view of one copy of a table. Both copies see the same operations in the same order, so their entry numbers are the
/// same; a freed number is the next one to be assigned.
/// </summary>
internal sealed unsafe partial class TableStore : IDisposable
{
    private const uint MaxEntries = 1u << 28;
    private const int FirstSlots = 16;

    private readonly TableHot* _hot;
    private readonly NativeBlock _segments;
    private readonly NativeBlock _defaultData;
    private readonly int _words;
    private readonly int _dataBytes;
    private NativeBlock _slots;
    private NativeBlock _entries;
    private uint _capacity;
    private uint _fresh;
    private uint _free;
    private ulong _sequence;

    /// <param name="table">The table.</param>
    /// <param name="layout">Its key.</param>
    /// <param name="hot">The part that lookups read.</param>
    /// <param name="seed">Seed of the hash, so that an attacker can't choose colliding keys.</param>
    public TableStore(SwxTable table, KeyLayout layout, TableHot* hot, ulong seed)
    {
        Table = table;
        Layout = layout;
        _hot = hot;
        _words = layout.Words;
        Exact = table.Kind == SwxMatchKind.Exact;
        _dataBytes = table.Actions.Where(a => a.ForEntries).Select(a => a.Action.DataBytes).DefaultIfEmpty(0).Max();
        _segments = new NativeBlock(Math.Max(layout.Segments.Length, 1) * sizeof(KeySegment));
        _defaultData = new NativeBlock(Math.Max(1, table.Actions.Max(a => a.Action.DataBytes)));
        hot->Key = KeyReader.Create(layout, (KeySegment*)_segments.Pointer);
        hot->Seed = seed;
        hot->Exact = Exact;
        hot->Empty = true;
        hot->ActionOffset = _words * 8 + (Exact ? 0 : TableHot.MaskedHeader);
        var bytes = hot->ActionOffset + TableHot.DataAfterAction + _dataBytes;
        hot->Stride = Exact ? (bytes + 3) & ~3 : (bytes + 7) & ~7;
        hot->DefaultData = _defaultData.Pointer;
        _entries = new NativeBlock(1);
        _slots = new NativeBlock(FirstSlots * sizeof(uint));
        SetSlots(_slots, FirstSlots);
        SetDefault(table.DefaultAction.Index, table.DefaultActionData.Span);
    }

    public SwxTable Table { get; }

    public KeyLayout Layout { get; }

    public bool Exact { get; }

    public int Count { get; private set; }

    public int Words => _words;

    public long AllocatedBytes => _slots.Length + _entries.Length;

    public int DefaultAction => _hot->DefaultAction;

    public ReadOnlySpan<byte> DefaultData => new(_hot->DefaultData, (int)_defaultData.Length);

    public void SetDefault(int action, ReadOnlySpan<byte> data)
    {
        data.CopyTo(new Span<byte>(_hot->DefaultData, (int)_defaultData.Length));
        _hot->DefaultAction = action;
    }

    /// <summary>Finds an entry by its identity, or null.</summary>
    public byte* Find(ulong* key, ulong* mask, uint priority)
    {
        if (Exact)
        {
            var at = FindSlot(key, 0);
            return at < 0 ? null : EntryAt(at);
        }
        var tuple = FindTuple(mask);
        if (tuple is null)
        {
            return null;
        }

        var slot = FindSlot(key, tuple.Id);
        for (var entry = slot < 0 ? null : EntryAt(slot); entry != null; entry = Next(entry))
        {
            if (Priority(entry) == priority)
            {
                return entry;
            }
        }
        return null;
    }

    public int Action(byte* entry) => *(ushort*)(entry + _hot->ActionOffset);

    public ReadOnlySpan<byte> Data(byte* entry) => new(entry + _hot->ActionOffset + TableHot.DataAfterAction, _dataBytes);

    public uint Number(byte* entry) => (uint)((entry - _hot->Entries) / _hot->Stride);

    public uint Priority(byte* entry) => Exact ? 0 : *(uint*)(entry + _words * 8 + TableHot.PriorityOffset);

    public ulong Sequence(byte* entry) => Exact ? 0 : *(ulong*)(entry + _words * 8 + TableHot.SequenceOffset);

    /// <summary>Adds a new entry.</summary>
    /// <param name="key">Stored form.</param>
    /// <param name="mask">Stored form; not read for an exact table.</param>
    /// <param name="priority">Its priority.</param>
    /// <param name="action">Its action.</param>
    /// <param name="data">Its data.</param>
    /// <param name="sequence">Its order among equal priorities when a deletion is undone; else 0.</param>
    public void Insert(ulong* key, ulong* mask, uint priority, int action, ReadOnlySpan<byte> data, ulong sequence = 0)
    {
        var tuple = Exact ? null : FindTuple(mask) ?? AddTuple(mask);
        var number = Allocate();
        var entry = _hot->Entries + (long)number * _hot->Stride;
        new ReadOnlySpan<ulong>(key, _words).CopyTo(new Span<ulong>(entry, _words));
        if (tuple is null)
        {
            Place(key, 0, number);
        }
        else
        {
            var header = entry + _words * 8;
            *(ulong*)(header + TableHot.SequenceOffset) = sequence != 0 ? sequence : ++_sequence;
            *(uint*)(header + TableHot.PriorityOffset) = priority;
            *(ushort*)(header + TableHot.TupleOffset) = (ushort)tuple.Id;
            Link(key, tuple, number, entry);
        }
        Set(entry, action, data);
        Count++;
        _hot->Empty = false;
    }

    public void Set(byte* entry, int action, ReadOnlySpan<byte> data)
    {
        *(ushort*)(entry + _hot->ActionOffset) = (ushort)action;
        var to = new Span<byte>(entry + _hot->ActionOffset + TableHot.DataAfterAction, _dataBytes);
        data.CopyTo(to);
        to[data.Length..].Clear();
    }

    public void Delete(byte* entry)
    {
        var number = Number(entry);
        if (Exact)
        {
            RemoveSlot(FindSlot((ulong*)entry, 0));
        }
        else
        {
            Unlink(entry, number);
        }

        *(uint*)entry = _free;
        _free = number + 1;
        Count--;
        _hot->Empty = Count == 0;
    }

    /// <summary>Makes the table ready for lookups after changes.</summary>
    public void Seal()
    {
        if (!Exact && _tuplesChanged)
        {
            SealTuples();
        }
    }

    public bool ForEach(SwxEntryVisitor visitor)
    {
        Span<byte> key = stackalloc byte[Table.KeyBytes];
        Span<byte> mask = stackalloc byte[Exact ? 0 : Table.KeyBytes];
        for (uint at = 0; at <= _hot->SlotMask; at++)
        {
            if (_hot->Slots[at] == 0)
            {
                continue;
            }

            for (var entry = EntryAt(at); entry != null; entry = Exact ? null : Next(entry))
            {
                Layout.ToPacked(new ReadOnlySpan<byte>(entry, _words * 8), key);
                if (!Exact)
                {
                    Layout.ToPacked(System.Runtime.InteropServices.MemoryMarshal.AsBytes<ulong>(TupleOf(entry).Mask), mask);
                }

                var action = Action(entry);
                var bytes = ActionBytes(action);
                var priority = Table.Kind == SwxMatchKind.Wildcard ? Priority(entry) : 0;
                if (!visitor(key, mask, priority, action, Data(entry)[..bytes]))
                {
                    return false;
                }
            }
        }
        return true;
    }

    public int ActionBytes(int action)
    {
        foreach (var listed in Table.Actions)
        {
            if (listed.Action.Index == action)
            {
                return listed.Action.DataBytes;
            }
        }
        return 0;
    }

    public void Dispose()
    {
        _segments.Dispose();
        _defaultData.Dispose();
        _slots.Dispose();
        _entries.Dispose();
        _tupleBlock?.Dispose();
    }

    private uint Allocate()
    {
        if (_free != 0)
        {
            var number = _free - 1;
            _free = *(uint*)(_hot->Entries + (long)number * _hot->Stride);
            return number;
        }
        if (_fresh == _capacity)
        {
            GrowEntries();
        }

        if ((_fresh + 1) * 4UL > (_hot->SlotMask + 1) * 3UL)
        {
            GrowSlots();
        }

        return _fresh++;
    }

    private void GrowEntries()
    {
        if (_capacity >= MaxEntries)
        {
            throw new InvalidOperationException($"table {Table.Name} can't hold more than {MaxEntries} entries");
        }
        // Grow large tables by a quarter: memory is more expensive than copying.
        var capacity = Math.Max(8, _capacity + (_capacity < 4096 ? _capacity / 2 : _capacity / 4));
        var grown = new NativeBlock((long)capacity * _hot->Stride);
        Buffer.MemoryCopy(_entries.Pointer, grown.Pointer, grown.Length, (long)_fresh * _hot->Stride);
        _entries.Dispose();
        _entries = grown;
        _capacity = capacity;
        _hot->Entries = grown.Pointer;
    }
}
