using System.Collections.Concurrent;
using System.Threading.Channels;
using ACCOffload.InfraManager.Programming.Queue;

namespace ACCOffload.Benchmarks.Micro;

/// <summary>
/// A queue with one consumer. The programmer needs one that is bounded in items and bytes, rejects instead of blocking, and wakes the
/// consumer.
/// </summary>
internal interface IQueuePath
{
    bool TryEnqueue(object item);

    Task ConsumeAsync(int count);
}

internal static class QueueBounds
{
    public const int Items = 1 << 16;
    public const long Bytes = 1L << 40;
    public const int ItemBytes = 200;
}

/// <summary>The product's queue: a concurrent queue with both bounds and wake-up.</summary>
internal sealed class IntentQueuePath : IQueuePath
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private readonly IntentQueue<object> _queue = new(QueueBounds.Items, QueueBounds.Bytes);

    public bool TryEnqueue(object item) => _queue.TryEnqueue(item, QueueBounds.ItemBytes) == EnqueueResult.Accepted;

    public async Task ConsumeAsync(int count)
    {
        while (true)
        {
            while (count > 0 && _queue.TryDequeue(out _))
            {
                count--;
            }

            if (count == 0)
            {
                return;
            }

            await _queue.WaitAsync(Limit, TimeProvider.System);
        }
    }
}

/// <summary>A bounded channel with a separate byte budget.</summary>
internal sealed class ChannelPath : IQueuePath
{
    private readonly Channel<object> _channel =
        Channel.CreateBounded<object>(new BoundedChannelOptions(QueueBounds.Items) { SingleReader = true });
    private long _bytes;

    public bool TryEnqueue(object item)
    {
        if (Interlocked.Add(ref _bytes, QueueBounds.ItemBytes) <= QueueBounds.Bytes && _channel.Writer.TryWrite(item))
        {
            return true;
        }

        Interlocked.Add(ref _bytes, -QueueBounds.ItemBytes);
        return false;
    }

    public async Task ConsumeAsync(int count)
    {
        while (true)
        {
            while (count > 0 && _channel.Reader.TryRead(out _))
            {
                Interlocked.Add(ref _bytes, -QueueBounds.ItemBytes);
                count--;
            }

            if (count == 0)
            {
                return;
            }

            await _channel.Reader.WaitToReadAsync();
        }
    }
}

/// <summary>A concurrent queue with wake-up but without bounds, to show their cost.</summary>
internal sealed class UnboundedPath : IQueuePath
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private readonly ConcurrentQueue<object> _queue = new();
    private readonly ConsumerSignal _signal = new();

    public bool TryEnqueue(object item)
    {
        _queue.Enqueue(item);
        _signal.Set();
        return true;
    }

    public async Task ConsumeAsync(int count)
    {
        while (true)
        {
            while (count > 0 && _queue.TryDequeue(out _))
            {
                count--;
            }

            if (count == 0)
            {
                return;
            }

            await _signal.WaitAsync(Limit, TimeProvider.System);
        }
    }
}
