using System.Runtime.InteropServices;

namespace ACCOffload.SoftTarget.Engine;

internal sealed unsafe partial class TableStore
{
    private readonly List<Tuple?> _tuples = [];
    private Tuple? _lastTuple;
    private NativeBlock? _tupleBlock;
    private bool _tuplesChanged;

    private byte* EntryAt(long slot) => _hot->Entries + (long)((_hot->Slots[slot] & _hot->NumberMask) - 1) * _hot->Stride;

    private byte* EntryOf(uint number) => _hot->Entries + (long)number * _hot->Stride;

    private byte* Next(byte* entry)
    {
        var next = *(uint*)(entry + _words * 8 + TableHot.NextOffset);
        return next == 0 ? null : EntryOf(next - 1);
    }

    private void SetNext(byte* entry, uint next) => *(uint*)(entry + _words * 8 + TableHot.NextOffset) = next;

    private Tuple TupleOf(byte* entry) => _tuples[*(ushort*)(entry + _words * 8 + TableHot.TupleOffset)]!;

    private ulong HashOf(ulong* key, ulong tuple) => TableHot.Hash(key, _words, _hot->Seed + tuple);

    private long FindSlot(ulong* key, ulong tuple)
    {
        var hash = HashOf(key, tuple);
        var fingerprint = (uint)(hash >> 32) & ~_hot->NumberMask;
        for (var at = (uint)hash & _hot->SlotMask; ; at = (at + 1) & _hot->SlotMask)
        {
            var slot = _hot->Slots[at];
            if (slot == 0)
            {
                return -1;
            }

            if ((slot & ~_hot->NumberMask) != fingerprint)
            {
                continue;
            }

            var entry = EntryAt(at);
            if ((Exact || *(ushort*)(entry + _words * 8 + TableHot.TupleOffset) == tuple)
                && new ReadOnlySpan<ulong>(entry, _words).SequenceEqual(new ReadOnlySpan<ulong>(key, _words)))
            {
                return at;
            }
        }
    }

    private void Place(ulong* key, ulong tuple, uint number)
    {
        var hash = HashOf(key, tuple);
        var at = (uint)hash & _hot->SlotMask;
        while (_hot->Slots[at] != 0)
        {
            at = (at + 1) & _hot->SlotMask;
        }

        _hot->Slots[at] = ((uint)(hash >> 32) & ~_hot->NumberMask) | (number + 1);
    }

    /// <summary>Clears a slot and shifts back the entries that probed past it, so that no tombstones are needed.</summary>
    private void RemoveSlot(long slot)
    {
        var hole = (uint)slot;
        var mask = _hot->SlotMask;
        for (var at = (hole + 1) & mask; _hot->Slots[at] != 0; at = (at + 1) & mask)
        {
            var entry = EntryAt(at);
            var tuple = Exact ? 0UL : *(ushort*)(entry + _words * 8 + TableHot.TupleOffset);
            var home = (uint)HashOf((ulong*)entry, tuple) & mask;
            if (((at - home) & mask) < ((at - hole) & mask))
            {
                continue;
            }

            _hot->Slots[hole] = _hot->Slots[at];
            hole = at;
        }
        _hot->Slots[hole] = 0;
    }

    private void GrowSlots()
    {
        var count = (_hot->SlotMask + 1) * 2;
        var before = _slots;
        var slots = _hot->Slots;
        var mask = _hot->SlotMask;
        var numbers = _hot->NumberMask;
        _slots = new NativeBlock((long)count * sizeof(uint));
        SetSlots(_slots, count);
        for (uint at = 0; at <= mask; at++)
        {
            if (slots[at] == 0)
            {
                continue;
            }

            var number = (slots[at] & numbers) - 1;
            var entry = EntryOf(number);
            Place((ulong*)entry, Exact ? 0UL : *(ushort*)(entry + _words * 8 + TableHot.TupleOffset), number);
        }
        before.Dispose();
    }

    private void SetSlots(NativeBlock block, uint count)
    {
        _hot->Slots = (uint*)block.Pointer;
        _hot->SlotMask = count - 1;
        _hot->NumberMask = count - 1;
    }

    private void Link(ulong* key, Tuple tuple, uint number, byte* entry)
    {
        tuple.Entries++;
        ref var users = ref CollectionsMarshal.GetValueRefOrAddDefault(tuple.Priorities, Priority(entry), out _);
        if (users++ == 0)
        {
            tuple.Order.Add(Priority(entry));
        }

        if (Priority(entry) >= tuple.Priority || tuple.Entries == 1)
        {
            _tuplesChanged |= Priority(entry) != tuple.Priority || tuple.Entries == 1;
            tuple.Priority = Priority(entry);
        }
        var slot = FindSlot(key, tuple.Id);
        if (slot < 0)
        {
            SetNext(entry, 0);
            Place(key, tuple.Id, number);
            return;
        }
        var head = EntryAt(slot);
        if (Priority(head) < Priority(entry))
        {
            SetNext(entry, Number(head) + 1);
            _hot->Slots[slot] = (_hot->Slots[slot] & ~_hot->NumberMask) | (number + 1);
            return;
        }
        while (Next(head) is var next && next != null && Priority(next) > Priority(entry))
        {
            head = next;
        }

        SetNext(entry, *(uint*)(head + _words * 8 + TableHot.NextOffset));
        SetNext(head, number + 1);
    }

    private void Unlink(byte* entry, uint number)
    {
        var tuple = TupleOf(entry);
        var slot = FindSlot((ulong*)entry, tuple.Id);
        var before = EntryAt(slot);
        var next = *(uint*)(entry + _words * 8 + TableHot.NextOffset);
        if (before != entry)
        {
            while (*(uint*)(before + _words * 8 + TableHot.NextOffset) != number + 1)
            {
                before = Next(before);
            }

            SetNext(before, next);
        }
        else if (next != 0)
        {
            _hot->Slots[slot] = (_hot->Slots[slot] & ~_hot->NumberMask) | next;
        }
        else
        {
            RemoveSlot(slot);
        }
        Forget(tuple, Priority(entry));
    }

    private void Forget(Tuple tuple, uint priority)
    {
        ref var users = ref CollectionsMarshal.GetValueRefOrNullRef(tuple.Priorities, priority);
        if (--users == 0)
        {
            tuple.Priorities.Remove(priority);
            tuple.Order.Remove(priority);
        }
        if (--tuple.Entries == 0)
        {
            _tuples[tuple.Id] = null;
            _lastTuple = null;
            _tuplesChanged = true;
        }
        else if (tuple.Order.Max != tuple.Priority)
        {
            tuple.Priority = tuple.Order.Max;
            _tuplesChanged = true;
        }
    }

    private Tuple? FindTuple(ulong* mask)
    {
        var wanted = new ReadOnlySpan<ulong>(mask, _words);
        if (_lastTuple is { } last && wanted.SequenceEqual(last.Mask))
        {
            return last;
        }

        foreach (var tuple in _tuples)
        {
            if (tuple is not null && wanted.SequenceEqual(tuple.Mask))
            {
                return _lastTuple = tuple;
            }
        }
        return null;
    }

    private Tuple AddTuple(ulong* mask)
    {
        var id = _tuples.IndexOf(null);
        if (id < 0)
        {
            id = _tuples.Count;
            if (id > ushort.MaxValue)
            {
                throw new InvalidOperationException($"table {Table.Name} can't hold more than {ushort.MaxValue + 1} different masks");
            }

            _tuples.Add(null);
        }
        _tuplesChanged = true;
        var tuple = new Tuple((ushort)id, new ReadOnlySpan<ulong>(mask, _words).ToArray());
        _tuples[id] = tuple;
        return _lastTuple = tuple;
    }

    private void SealTuples()
    {
        var used = _tuples.Where(t => t is not null).OrderByDescending(t => t!.Priority).ThenBy(t => t!.Id).ToArray();
        var block = new NativeBlock(Math.Max(1, used.Length) * (sizeof(TupleHot) + _words * 8));
        var hot = (TupleHot*)block.Pointer;
        var masks = (ulong*)(hot + used.Length);
        for (var i = 0; i < used.Length; i++, masks += _words)
        {
            used[i]!.Mask.CopyTo(new Span<ulong>(masks, _words));
            hot[i] = new TupleHot { Mask = masks, Id = used[i]!.Id, Priority = used[i]!.Priority };
        }
        _tupleBlock?.Dispose();
        _tupleBlock = block;
        _hot->Tuples = hot;
        _hot->TupleCount = used.Length;
        _tuplesChanged = false;
    }

    private sealed class Tuple(ushort id, ulong[] mask)
    {
        public ushort Id { get; } = id;

        public ulong[] Mask { get; } = mask;

        public int Entries { get; set; }

        public uint Priority { get; set; }

        /// <summary>Number of entries by priority.</summary>
        public Dictionary<uint, int> Priorities { get; } = [];

        public SortedSet<uint> Order { get; } = [];
    }
}
