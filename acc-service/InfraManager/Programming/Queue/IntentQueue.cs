using System.Collections.Concurrent;

namespace ACCOffload.InfraManager.Programming.Queue;

/// <summary>
/// A bounded queue from many producers to one consumer, without locks. A producer never waits: it is refused when the items' or the bytes'
/// budget is full. Items of one producer keep their order.
/// </summary>
internal sealed class IntentQueue<T>
    where T : class
{
    private readonly ConcurrentQueue<(T Item, int Bytes)> _queue = new();
    private readonly ConsumerSignal _signal = new();
    private readonly int _maxItems;
    private readonly long _maxBytes;
    private long _bytes;
    private int _items;
    private int _closed;

    /// <param name="maxItems">Most items at a time.</param>
    /// <param name="maxBytes">Budget for the sizes that the producers state.</param>
    public IntentQueue(int maxItems, long maxBytes)
    {
        _maxItems = maxItems;
        _maxBytes = maxBytes;
    }

    /// <summary>Items that wait or are about to. Never less than can be taken, so 0 means that nothing waits.</summary>
    public int Count => Volatile.Read(ref _items);

    public long Bytes => Volatile.Read(ref _bytes);

    public bool IsClosed => Volatile.Read(ref _closed) != 0;

    /// <summary>Never waits. An item larger than the whole budget is refused always.</summary>
    public EnqueueResult TryEnqueue(T item, int bytes)
    {
        if (IsClosed)
        {
            return EnqueueResult.Closed;
        }
        // Room is taken before the item goes in, so the bounds hold at every moment.
        if (Interlocked.Add(ref _bytes, bytes) > _maxBytes)
        {
            Interlocked.Add(ref _bytes, -bytes);
            return EnqueueResult.Full;
        }

        if (Interlocked.Increment(ref _items) > _maxItems)
        {
            Interlocked.Decrement(ref _items);
            Interlocked.Add(ref _bytes, -bytes);
            return EnqueueResult.Full;
        }

        _queue.Enqueue((item, bytes));
        _signal.Set();
        return EnqueueResult.Accepted;
    }

    /// <summary>For the one consumer. False when nothing is there; a producer that is about to publish will signal.</summary>
    public bool TryDequeue(out T item)
    {
        if (!_queue.TryDequeue(out var taken))
        {
            item = null!;
            return false;
        }

        item = taken.Item;
        Interlocked.Decrement(ref _items);
        Interlocked.Add(ref _bytes, -taken.Bytes);
        return true;
    }

    /// <summary>
    /// Refuses new items from now on; what was accepted can still be taken. A producer in the middle of its call may still get through.
    /// </summary>
    public void Close()
    {
        Volatile.Write(ref _closed, 1);
        _signal.Set();
    }

    /// <summary>Wakes the consumer without an item.</summary>
    public void Wake() => _signal.Set();

    /// <summary>For the one consumer: returns when something happened since the last return, or after the limit.</summary>
    public Task WaitAsync(TimeSpan limit, TimeProvider time) => _signal.WaitAsync(limit, time);
}

internal enum EnqueueResult
{
    Accepted,
    Full,
    Closed,
}
