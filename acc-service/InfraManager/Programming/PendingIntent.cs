using System.Diagnostics;
using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Programming;

/// <summary>A queued intent and the caller that waits for its outcome.</summary>
internal sealed class PendingIntent(Intent intent)
{
    private const int Queued = 0;
    private const int Drained = 1;
    private const int Withdrawn = 2;

    // The programmer must not run a caller's continuation.
    private readonly TaskCompletionSource<object> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _state;

    public Intent Intent { get; } = intent;

    /// <summary>When it was posted, as a timestamp of <see cref="Stopwatch"/>.</summary>
    public long Posted { get; } = Stopwatch.GetTimestamp();

    public int Bytes { get; } = intent.EstimatedBytes;

    public Task<object> Outcome => _outcome.Task;

    /// <summary>The programmer takes the intent. False when the caller gave up before.</summary>
    public bool TryDrain() => Interlocked.CompareExchange(ref _state, Drained, Queued) == Queued;

    /// <summary>The caller gives up. False when the intent is drained: then it takes its course.</summary>
    public bool TryWithdraw() => Interlocked.CompareExchange(ref _state, Withdrawn, Queued) == Queued;

    public void Complete(object outcome) => _outcome.TrySetResult(outcome);

    public void Fail(IntentException error) => _outcome.TrySetException(error);
}
