namespace ACCOffload.InfraManager.Programming.Queue;

/// <summary>
/// Lets one consumer sleep until a producer signals. While the signal is set, signalling again costs a producer a fence and a read.
/// </summary>
internal sealed class ConsumerSignal
{
    private static readonly TaskCompletionSource Awake = Completed();

    // Null: idle and unset. Awake: set. Anything else: the consumer sleeps on it.
    private TaskCompletionSource? _state;

    public void Set()
    {
        // A full fence: the consumer must see what was published before it goes to sleep.
        Interlocked.MemoryBarrier();
        if (ReferenceEquals(Volatile.Read(ref _state), Awake))
        {
            return;
        }

        var sleeper = Interlocked.Exchange(ref _state, Awake);
        sleeper?.TrySetResult();
    }

    /// <summary>Returns at once if the signal was set since the last return.</summary>
    public async Task WaitAsync(TimeSpan limit, TimeProvider time)
    {
        var sleeper = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (Interlocked.CompareExchange(ref _state, sleeper, null) is null && limit > TimeSpan.Zero)
        {
            try
            {
                await sleeper.Task.WaitAsync(limit, time);
            }
            catch (TimeoutException)
            {
                // The limit passed; the caller checks its timers.
            }
        }

        Interlocked.Exchange(ref _state, null);
    }

    private static TaskCompletionSource Completed()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }
}
