using ACCOffload.Fuzz.Tests.Engine;

namespace ACCOffload.Fuzz.Tests;

public sealed class FuzzRunTests
{
    [Fact]
    public void A_failure_is_reported_although_another_thread_works_on_longer_than_an_input_may_take()
    {
        using var target = new FailsOnce();
        var run = new FuzzRun(target, inputs: 8 * target.EpisodeLength, seed: 1, threads: 2, inputLimit: TimeSpan.FromSeconds(2));
        Assert.Contains("the bug", Assert.Throws<FuzzFailure>(() => run.Run()).Message, StringComparison.Ordinal);
    }

    /// <summary>The first episode fails once another one has begun, which takes three seconds.</summary>
    private sealed class FailsOnce() : FuzzTarget("fails-once"), IDisposable
    {
        private readonly ManualResetEventSlim _othersWork = new();
        private int _episodes;

        public override int EpisodeLength => 30;

        public override FuzzSession Start(Dice dice) => new Session(_othersWork, Interlocked.Increment(ref _episodes) == 1);

        public void Dispose() => _othersWork.Dispose();
    }

    private sealed class Session(ManualResetEventSlim othersWork, bool fails) : FuzzSession
    {
        public override bool Step(Dice dice)
        {
            if (fails)
            {
                othersWork.Wait();
                throw new FuzzFailure("the bug");
            }

            othersWork.Set();
            Thread.Sleep(100);
            return true;
        }
    }
}
