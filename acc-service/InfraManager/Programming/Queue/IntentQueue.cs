using System.Collections.Concurrent;

namespace ACCOffload.InfraManager.Programming.Queue;

/// <summary>
/// A bounded lock-free queue for many producers and one consumer. A producer never waits: it is refused when the item or byte budget is
/// used up. Items of one producer stay in order.
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

    /// <param name="maxItems">The maximum number of queued items.</param>
    /// <param name="maxBytes">The maximum total of the sizes stated by the producers.</param>
    public IntentQueue(int maxItems, long maxBytes)
    {
        _maxItems = maxItems;
        _maxBytes = maxBytes;
    }

    /// <summary>The number of queued items, including those about to be published. 0 means that the queue is empty.</summary>
    public int Count => Volatile.Read(ref _items);

    public long Bytes => Volatile.Read(ref _bytes);

    public bool IsClosed => Volatile.Read(ref _closed) != 0;

    /// <summary>Adds an item without waiting. An item larger than the whole budget is always refused.</summary>
    public EnqueueResult TryEnqueue(T item, int bytes)
    {
        if (IsClosed)
        {
            return EnqueueResult.Closed;
        }
        // Reserve space before publishing the item, so that the bounds always hold.
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

    /// <summary>
    /// Takes an item; called by the consumer only. Returns false if there is none; a producer about to publish will signal.
    /// </summary>
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
    /// Refuses new items from now on; accepted ones can still be taken. A producer in the middle of a call may still succeed.
    /// </summary>
    public void Close()
    {
        Volatile.Write(ref _closed, 1);
        _signal.Set();
    }

    /// <summary>Wakes the consumer without an item.</summary>
    public void Wake() => _signal.Set();

    /// <summary>
    /// Waits until there is a signal or the limit passes. Returns at once if there was a signal since the last return. Called by the
    /// consumer only.
    /// </summary>
    public Task WaitAsync(TimeSpan limit, TimeProvider time) => _signal.WaitAsync(limit, time);
}

internal enum EnqueueResult
{
    Accepted,
    Full,
    Closed,
}
