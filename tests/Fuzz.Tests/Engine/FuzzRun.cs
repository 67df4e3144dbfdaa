using System.Diagnostics;

namespace ACCOffload.Fuzz.Tests.Engine;

/// <summary>The result of a run of one target.</summary>
internal sealed record FuzzResult(string Target, ulong Seed, long Inputs, long Accepted, long Rejected, TimeSpan Elapsed,
    long ManagedGrowth, long ResidentGrowth)
{
    public override string ToString() =>
        $"{Target,-16} seed {Seed}: {Inputs} inputs, {Inputs / Elapsed.TotalSeconds:0} inputs/s, {Accepted} accepted, {Rejected} "
        + $"rejected, memory {ManagedGrowth / 1024.0:+0;-0;0} KB managed, {ResidentGrowth / 1048576.0:+0;-0;0} MB resident";
}

/// <summary>Feeds one target from several threads and checks that no input hangs and memory does not grow.</summary>
internal sealed class FuzzRun(FuzzTarget target, long inputs, ulong seed, int threads, TimeSpan inputLimit)
{
    private const long ManagedLimit = 8 << 20;
    private const long ResidentLimit = 192 << 20;

    private long _accepted;
    private long _done;
    private Exception? _failure;

    public FuzzResult Run()
    {
        // A quarter of the run is warm-up: caches, pools and compiled code do not count as growth.
        var started = Stopwatch.GetTimestamp();
        var episodes = Math.Max(threads * 4, (inputs + target.EpisodeLength - 1) / target.EpisodeLength);
        var warm = episodes / 4;
        Phase(0, warm);
        var (managed, resident) = Memory();
        Phase(warm, episodes);
        var elapsed = Stopwatch.GetElapsedTime(started);
        var (managedNow, residentNow) = Memory();
        var result = new FuzzResult(target.Name, seed, _done, _accepted, _done - _accepted, elapsed, managedNow - managed,
            residentNow - resident);
        if (result.ManagedGrowth > ManagedLimit || result.ResidentGrowth > ResidentLimit)
        {
            throw new FuzzFailure($"memory grew: {result}");
        }

        return result;
    }

    /// <summary>Replays one episode.</summary>
    public void Replay(long episode) => Episode(episode, new Progress());

    private void Phase(long first, long end)
    {
        var next = first - 1;
        var progress = new Progress[threads];
        var workers = new Thread[threads];
        for (var i = 0; i < threads; i++)
        {
            var own = progress[i] = new Progress();
            workers[i] = new Thread(() => Work(own)) { IsBackground = true, Name = $"{target.Name} {i}" };
            workers[i].Start();
        }

        foreach (var (worker, own) in workers.Zip(progress))
        {
            while (!worker.Join(TimeSpan.FromMilliseconds(100)))
            {
                Watch(progress);
            }
        }

        if (_failure is not null)
        {
            throw _failure;
        }

        void Work(Progress own)
        {
            try
            {
                for (var episode = Interlocked.Increment(ref next); episode < end
                    && Volatile.Read(ref _failure) is null; episode = Interlocked.Increment(ref next))
                {
                    Episode(episode, own);
                }
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref _failure, e, null);
                // No input is being processed any more: the failure is not a hang.
                Volatile.Write(ref own.Since, 0);
            }
        }
    }

    private void Watch(Progress[] progress)
    {
        foreach (var own in progress)
        {
            var since = Volatile.Read(ref own.Since);
            if (since != 0 && Stopwatch.GetElapsedTime(since) > inputLimit)
            {
                throw new FuzzFailure($"{target.Name}: hangs: seed {seed}, episode {own.Episode}, input {own.Input} takes longer than "
                    + $"{inputLimit.TotalSeconds:0} s");
            }
        }
    }

    private void Episode(long episode, Progress own)
    {
        own.Episode = episode;
        own.Input = 0;
        Volatile.Write(ref own.Since, Stopwatch.GetTimestamp());
        var dice = new Dice(Dice.Mix(seed, (ulong)episode));
        var session = target.Start(dice);
        long accepted = 0;
        for (; own.Input < target.EpisodeLength; own.Input++)
        {
            Volatile.Write(ref own.Since, Stopwatch.GetTimestamp());
            try
            {
                if (session.Step(dice))
                {
                    accepted++;
                }
            }
            catch (Exception e)
            {
                session.End();
                throw new FuzzFailure(
                    $"{target.Name}: {(e is FuzzFailure ? e.Message : e.ToString())}\n  FUZZ_TARGETS={target.Name} FUZZ_SEED={seed} "
                    + $"FUZZ_EPISODE={episode} (input {own.Input})\n  {session.Describe()}", e);
            }
        }

        session.End();
        Interlocked.Add(ref _accepted, accepted);
        Interlocked.Add(ref _done, target.EpisodeLength);
        Volatile.Write(ref own.Since, 0);
    }

    private static (long Managed, long Resident) Memory()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        return (GC.GetTotalMemory(forceFullCollection: true), Environment.WorkingSet);
    }

    private sealed class Progress
    {
        public long Episode;
        public long Input;
        public long Since;
    }
}
