using ACCOffload.Integration.Lab;

namespace ACCOffload.Crash.Rpc;

/// <summary>
/// Kills, once, at an instant that is chosen beforehand: with the n-th answer, right in the thread that takes it, or after a while. What is to die is
/// settled before, so that nothing but the system call is left to do.
/// </summary>
internal sealed class Strike(Random random, TimeSpan usualLength, int requests, params BackgroundProcess?[] victims) : IDisposable
{
    private readonly int? _atAnswer = random.Next(2) == 0 ? random.Next(requests) : null;
    private readonly TimeSpan _after = usualLength * (random.NextDouble() * 1.2);
    private readonly ManualResetEventSlim _over = new();
    private Thread? _timer;
    private int _answers;
    private int _done;

    public bool Happened => Volatile.Read(ref _done) != 0;

    public override string ToString() => victims.Length == 0 ? "no kill" : _atAnswer is { } n ? $"kill at answer {n}" : $"kill after {_after.TotalMilliseconds:0} ms";

    public void Start()
    {
        if (_atAnswer is not null || victims.Length == 0)
            return;
        // A thread of its own: the pool is busy with the requests.
        _timer = new Thread(() =>
        {
            if (!_over.Wait(_after))
                Now();
        })
        { IsBackground = true };
        _timer.Start();
    }

    public void Answered()
    {
        if (Interlocked.Increment(ref _answers) - 1 == _atAnswer)
            Now();
    }

    /// <summary>At the latest now.</summary>
    public void Now()
    {
        if (Interlocked.Exchange(ref _done, 1) != 0)
            return;
        foreach (var victim in victims)
            victim?.Kill();
    }

    public void Dispose()
    {
        _over.Set();
        _timer?.Join();
        _over.Dispose();
    }
}
