using ACCOffload.InfraManager.Programming.Queue;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Programming;

public class IntentQueueTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    // So long that only a wake-up ends the wait: a lost one fails the test after Long.
    private static readonly TimeSpan Never = TimeSpan.FromHours(1);

    [Fact]
    public void The_queue_behaves_like_a_bounded_queue()
    {
        Gen.Select(Gen.Bool, Gen.Int[1, 40]).List[1, 200].Sample(
            operations =>
            {
                var queue = new IntentQueue<string>(8, 100);
                var model = new Queue<(string Item, int Bytes)>();
                var next = 0;
                foreach ((var enqueue, var bytes) in operations)
                {
                    if (enqueue)
                    {
                        var item = $"{next++}";
                        var fits = model.Count < 8 && model.Sum(m => m.Bytes) + bytes <= 100;
                        Assert.Equal(fits ? EnqueueResult.Accepted : EnqueueResult.Full, queue.TryEnqueue(item, bytes));
                        if (fits)
                        {
                            model.Enqueue((item, bytes));
                        }
                    }
                    else
                    {
                        Assert.Equal(model.TryDequeue(out var expected), queue.TryDequeue(out var item));
                        Assert.Equal(expected.Item, item);
                    }

                    Assert.Equal((model.Count, (long)model.Sum(m => m.Bytes)), (queue.Count, queue.Bytes));
                }
            },
            iter: 2000);
    }

    [Fact]
    public void A_closed_queue_refuses_new_items_and_returns_the_remaining_ones()
    {
        var queue = new IntentQueue<string>(4, 100);
        queue.TryEnqueue("a", 1);
        queue.Close();
        Assert.Equal(EnqueueResult.Closed, queue.TryEnqueue("b", 1));
        Assert.True(queue.TryDequeue(out var item));
        Assert.Equal("a", item);
        Assert.False(queue.TryDequeue(out _));
    }

    [Fact]
    public void An_item_larger_than_the_budget_is_refused() =>
        Assert.Equal(EnqueueResult.Full, new IntentQueue<string>(4, 100).TryEnqueue("a", 101));

    [Theory]
    [InlineData(1, 8)]
    [InlineData(4, 16)]
    [InlineData(8, 1024)]
    public async Task Items_of_concurrent_producers_are_all_returned_in_order(int producers, int capacity)
    {
        const int Each = 20_000;
        var queue = new IntentQueue<Tuple<int, int>>(capacity, 1L << 40);
        Task[] running = [.. Enumerable.Range(0, producers).Select(p => Task.Run(() =>
        {
            var spin = default(SpinWait);
            for (var i = 0; i < Each; i++)
            {
                var item = Tuple.Create(p, i);
                while (queue.TryEnqueue(item, 10) != EnqueueResult.Accepted) { spin.SpinOnce(); } }
        }))];

        int[] last = [.. Enumerable.Repeat(-1, producers)];
        for (var taken = 0; taken < producers * Each;)
        {
            while (queue.TryDequeue(out var item))
            {
                Assert.Equal(last[item.Item1] + 1, item.Item2);
                last[item.Item1] = item.Item2;
                taken++;
            }

            // A lost wake-up would stall the test here.
            if (taken < producers * Each)
            {
                await queue.WaitAsync(Never, TimeProvider.System).WaitAsync(Long);
            }
        }

        await Task.WhenAll(running);
        Assert.Equal((0, 0L), (queue.Count, queue.Bytes));
    }

    [Fact]
    public async Task Every_item_wakes_the_waiting_consumer()
    {
        var queue = new IntentQueue<string>(4, 1000);
        for (var i = 0; i < 2000; i++)
        {
            var wait = queue.WaitAsync(Never, TimeProvider.System);
            if (i % 2 == 0)
            {
                await Task.Yield();
            }

            queue.TryEnqueue("x", 1);
            await wait.WaitAsync(Long);
            while (!queue.TryDequeue(out _))
            {
                await queue.WaitAsync(Never, TimeProvider.System).WaitAsync(Long);
            }
        }
    }

    [Fact]
    public async Task The_wait_times_out()
    {
        var queue = new IntentQueue<string>(4, 1000);
        await queue.WaitAsync(TimeSpan.FromMilliseconds(1), TimeProvider.System).WaitAsync(Long);
        queue.TryEnqueue("x", 1);
        await queue.WaitAsync(Never, TimeProvider.System).WaitAsync(Long);
    }
}
