using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.TestKit;

namespace ACCOffload.HostStub.Tests;

public sealed class KeyedLockTests
{
    [Fact]
    public async Task Each_key_has_one_holder_and_other_keys_are_free()
    {
        var locks = new KeyedLock<string>();
        var first = await locks.AcquireAsync("a", TimeSpan.Zero);
        Assert.NotNull(first);
        Assert.Null(await locks.AcquireAsync("a", TimeSpan.FromMilliseconds(1)));
        Assert.NotNull(await locks.AcquireAsync("b", TimeSpan.Zero));
        var waiting = locks.AcquireAsync("a", TimeSpan.FromSeconds(30));
        first.Dispose();
        first.Dispose();
        Assert.NotNull(await waiting);
        Assert.Null(await locks.AcquireAsync("a", TimeSpan.Zero));
    }

    [Fact]
    public async Task Holders_do_not_overlap_under_load()
    {
        var locks = new KeyedLock<int>();
        var inside = new int[3];
        var done = 0;
        await Task.WhenAll(Enumerable.Range(0, 300).Select(i => Task.Run(async () =>
        {
            using var holder = await locks.AcquireAsync(i % 3, TimeSpan.FromSeconds(30));
            Assert.NotNull(holder);
            Assert.Equal(1, Interlocked.Increment(ref inside[i % 3]));
            await Task.Yield();
            Interlocked.Decrement(ref inside[i % 3]);
            Interlocked.Increment(ref done);
        })));
        Assert.Equal(300, done);
    }

    [Fact]
    public async Task A_Del_waits_for_its_Add()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        lab.Acc.Model.HangAttach = true;
        var adding = lab.RunAsync("ADD", pod);
        await Eventually.TrueAsync(() => lab.Acc.Model.Calls.Contains("Attach"), "the ADD is running");
        var deleting = lab.RunAsync("DEL", pod);
        // A request for another pod does not wait.
        (await Task.Run(() => lab.Request("DEL", "other", ""))).Succeeded();
        Assert.False(deleting.IsCompleted);

        lab.Acc.Model.ReleaseHanging();

        (await adding).Succeeded();
        (await deleting).Succeeded();
        lab.AssertNothingLeft();
    }
}
