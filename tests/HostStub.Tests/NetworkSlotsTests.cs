using ACCOffload.HostStub.Ipam;

namespace ACCOffload.HostStub.Tests;

public sealed class NetworkSlotsTests
{
    [Fact]
    public void A_network_gets_only_its_share()
    {
        var slots = new NetworkSlots(total: 4, perNetwork: 2);
        using var first = slots.TryEnter("a");
        using var second = slots.TryEnter("a");
        Assert.NotNull(first);
        Assert.NotNull(second);
        Assert.Null(slots.TryEnter("a"));
        Assert.Equal(2, slots.RunningOf("a"));
        second.Dispose();
        second.Dispose();
        Assert.Equal(1, slots.RunningOf("a"));
        Assert.NotNull(slots.TryEnter("a"));
    }

    [Fact]
    public void Every_other_network_can_always_run_one_request()
    {
        var slots = new NetworkSlots(total: 4, perNetwork: 2);
        foreach (var network in (string[])["a", "a", "b", "b", "c", "d"])
        {
            Assert.NotNull(slots.TryEnter(network));
        }

        Assert.Null(slots.TryEnter("c"));
        Assert.NotNull(slots.TryEnter("e"));
    }

    [Fact]
    public async Task A_waiter_enters_when_a_slot_is_freed()
    {
        var slots = new NetworkSlots(total: 4, perNetwork: 1);
        var holder = slots.TryEnter("a")!;
        var waiting = slots.EnterAsync("a", TimeSpan.FromSeconds(30));
        var last = slots.EnterAsync("a", TimeSpan.FromSeconds(30));
        Assert.False(waiting.IsCompleted);
        holder.Dispose();
        (await waiting)!.Dispose();
        Assert.NotNull(await last);
        Assert.Null(await slots.EnterAsync("a", TimeSpan.FromMilliseconds(1)));
    }

    [Fact]
    public async Task No_slot_is_lost_in_any_order()
    {
        var slots = new NetworkSlots(total: 3, perNetwork: 2);
        var running = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, 2000), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
        {
            using var slot = await slots.EnterAsync($"n{i % 3}", TimeSpan.FromMilliseconds(i % 5));
            if (slot is null)
            {
                return;
            }

            Assert.InRange(Interlocked.Increment(ref running), 1, 6);
            await Task.Yield();
            Interlocked.Decrement(ref running);
        });
        Assert.All(Enumerable.Range(0, 3), i => Assert.Equal(0, slots.RunningOf($"n{i}")));
    }
}
