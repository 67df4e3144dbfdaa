namespace ACCOffload.Retries;

/// <summary>Wakes a loop that handles all changes since it last looked.</summary>
public sealed class ChangeSignal : IDisposable
{
    private readonly SemaphoreSlim _changes = new(0);

    /// <summary>Wakes the loop. One signal is enough, however many changes there are.</summary>
    public void Set()
    {
        if (_changes.CurrentCount == 0)
        {
            _changes.Release();
        }
    }

    /// <summary>Waits for a change, or until the limit passes (<see cref="Timeout.InfiniteTimeSpan"/> for none).</summary>
    /// <returns>False if the limit passed.</returns>
    /// <exception cref="OperationCanceledException">Cancelled by the caller.</exception>
    public async Task<bool> WaitAsync(TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        using var due = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(due.Token, cancellationToken);
        try
        {
            await _changes.WaitAsync(either.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Disposes the signal. No call may follow.</summary>
    public void Dispose() => _changes.Dispose();
}
