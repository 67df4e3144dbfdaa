namespace ACCOffload.Crash.Tests.Rpc;

/// <summary>
/// Runs an action exactly once, at a random point chosen in advance: at the n-th response, on the thread that receives it, or
/// after a delay.
/// </summary>
/// <param name="random">The source of randomness.</param>
/// <param name="usualLength">The usual time until all responses have arrived.</param>
/// <param name="answers">The number of expected responses.</param>
/// <param name="action">The action; null for none.</param>
internal sealed class KillTrigger(Random random, TimeSpan usualLength, int answers, Action? action) : IDisposable
{
    private readonly int? _atAnswer = random.Next(2) == 0 ? random.Next(answers) : null;
    private readonly TimeSpan _after = usualLength * (random.NextDouble() * 1.2);
    private readonly ManualResetEventSlim _over = new();
    private Thread? _timer;
    private int _answers;
    private int _done;

    public override string ToString() =>
        action is null ? "no kill" : _atAnswer is { } n ? $"kill at response {n}" : $"kill after {_after.TotalMilliseconds:0} ms";

    public void Start()
    {
        if (_atAnswer is not null || action is null)
        {
            return;
        }
        // A dedicated thread: the pool is busy with the requests.
        _timer = new Thread(() =>
        {
            if (!_over.Wait(_after))
            {
                Fire();
            }
        })
        { IsBackground = true };
        _timer.Start();
    }

    public void Answered()
    {
        if (Interlocked.Increment(ref _answers) - 1 == _atAnswer)
        {
            Fire();
        }
    }

    /// <summary>Cancels the delay and runs the action now if it has not run yet.</summary>
    public void Complete()
    {
        _over.Set();
        _timer?.Join();
        Fire();
    }

    public void Dispose()
    {
        _over.Set();
        _timer?.Join();
        _over.Dispose();
    }

    private void Fire()
    {
        if (Interlocked.Exchange(ref _done, 1) == 0)
        {
            action?.Invoke();
        }
    }
}
