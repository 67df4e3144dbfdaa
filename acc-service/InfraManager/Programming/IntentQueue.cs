using System.Numerics;

namespace ACCOffload.InfraManager.Programming;

/// <summary>
/// A bounded queue from many producers to one consumer, without locks: a ring whose slots carry their own turn (after D. Vyukov). A producer claims a slot
/// with one compare-and-swap, never waits, and is refused when the ring or the byte budget is full. Items of one producer keep their order.
/// </summary>
internal sealed class IntentQueue<T>
    where T : class
{
    private readonly Slot[] _slots;
    private readonly int _mask;
    private readonly long _maxBytes;
    private readonly ConsumerSignal _signal = new();
    private PaddedLong _tail;
    private PaddedLong _head;
    private PaddedLong _bytes;
    private int _closed;

    /// <param name="maxItems">Rounded up to a power of two.</param>
    /// <param name="maxBytes">Budget for the sizes that the producers state.</param>
    public IntentQueue(int maxItems, long maxBytes)
    {
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(2, maxItems));
        _slots = new Slot[size];
        for (int i = 0; i < size; i++)
            _slots[i].Turn = i;
        _mask = size - 1;
        _maxBytes = maxBytes;
    }

    public int Capacity => _slots.Length;

    public int Count => (int)Math.Clamp(Volatile.Read(ref _tail.Value) - Volatile.Read(ref _head.Value), 0, _slots.Length);

    public long Bytes => Volatile.Read(ref _bytes.Value);

    public bool IsClosed => Volatile.Read(ref _closed) != 0;

    /// <summary>Never waits. An item larger than the whole budget is refused always.</summary>
    public EnqueueResult TryEnqueue(T item, int bytes)
    {
        if (IsClosed)
            return EnqueueResult.Closed;
        if (Interlocked.Add(ref _bytes.Value, bytes) > _maxBytes)
        {
            Interlocked.Add(ref _bytes.Value, -bytes);
            return EnqueueResult.Full;
        }

        long position = Volatile.Read(ref _tail.Value);
        for (; ; )
        {
            ref Slot slot = ref _slots[position & _mask];
            long ahead = Volatile.Read(ref slot.Turn) - position;
            if (ahead == 0)
            {
                long seen = Interlocked.CompareExchange(ref _tail.Value, position + 1, position);
                if (seen != position)
                {
                    position = seen;
                    continue;
                }

                slot.Item = item;
                slot.Bytes = bytes;
                Volatile.Write(ref slot.Turn, position + 1);
                _signal.Set();
                return EnqueueResult.Accepted;
            }

            if (ahead < 0)
            {
                Interlocked.Add(ref _bytes.Value, -bytes);
                return EnqueueResult.Full;
            }

            position = Volatile.Read(ref _tail.Value);
        }
    }

    /// <summary>For the one consumer. False when nothing is published at the head; a producer that is about to publish will signal.</summary>
    public bool TryDequeue(out T item)
    {
        ref Slot slot = ref _slots[_head.Value & _mask];
        if (Volatile.Read(ref slot.Turn) != _head.Value + 1)
        {
            item = null!;
            return false;
        }

        item = slot.Item!;
        slot.Item = null;
        Interlocked.Add(ref _bytes.Value, -slot.Bytes);
        Volatile.Write(ref slot.Turn, _head.Value + _slots.Length);
        Volatile.Write(ref _head.Value, _head.Value + 1);
        return true;
    }

    /// <summary>Refuses new items from now on; what was accepted can still be taken. A producer in the middle of its call may still get through.</summary>
    public void Close()
    {
        Volatile.Write(ref _closed, 1);
        _signal.Set();
    }

    /// <summary>Wakes the consumer without an item.</summary>
    public void Wake() => _signal.Set();

    /// <summary>For the one consumer: returns when something happened since the last return, or after the limit.</summary>
    public Task WaitAsync(TimeSpan limit, TimeProvider time) => _signal.WaitAsync(limit, time);

    private struct Slot
    {
        public long Turn;
        public T? Item;
        public int Bytes;
    }
}

internal enum EnqueueResult
{
    Accepted,
    Full,
    Closed,
}
