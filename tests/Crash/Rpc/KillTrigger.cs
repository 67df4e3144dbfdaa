namespace ACCOffload.Crash.Rpc;

/// <summary>Does one thing, once, at an instant that is chosen beforehand: with the n-th answer, right in the thread that takes it, or after a while.</summary>
/// <param name="random">Makes the choice.</param>
/// <param name="usualLength">How long all the answers take.</param>
/// <param name="answers">How many there will be.</param>
/// <param name="action">What is done; null: nothing.</param>
internal sealed class Strike(Random random, TimeSpan usualLength, int answers, Action? action) : IDisposable
{
    private readonly int? _atAnswer = random.Next(2) == 0 ? random.Next(answers) : null;
    private readonly TimeSpan _after = usualLength * (random.NextDouble() * 1.2);
    private readonly ManualResetEventSlim _over = new();
    private Thread? _timer;
    private int _answers;
    private int _done;

    public override string ToString() => action is null ? "no strike" : _atAnswer is { } n ? $"strike at answer {n}" : $"strike after {_after.TotalMilliseconds:0} ms";

    public void Start()
    {
        if (_atAnswer is not null || action is null)
        {
            return;
        }
        // A thread of its own: the pool is busy with the requests.
        _timer = new Thread(() =>
        {
            if (!_over.Wait(_after))
            {
                Now();
            }
        })
        { IsBackground = true };
        _timer.Start();
    }

    public void Answered()
    {
        if (Interlocked.Increment(ref _answers) - 1 == _atAnswer)
        {
            Now();
        }
    }

    /// <summary>When this returns, it is done.</summary>
    public void Complete()
    {
        _over.Set();
        _timer?.Join();
        Now();
    }

    public void Dispose()
    {
        _over.Set();
        _timer?.Join();
        _over.Dispose();
    }

    private void Now()
    {
        if (Interlocked.Exchange(ref _done, 1) == 0)
        {
            action?.Invoke();
        }
    }
}
