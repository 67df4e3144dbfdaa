using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming.Queue;

/// <summary>A queued intent and the caller that waits for its outcome.</summary>
internal abstract class PendingIntent(Intent intent)
{
    private const int Queued = 0;
    private const int Drained = 1;
    private const int Withdrawn = 2;

    private int _state;

    public Intent Intent { get; } = intent;

    /// <summary>When it was posted, as a timestamp of <see cref="Stopwatch"/>.</summary>
    public long Posted { get; } = Stopwatch.GetTimestamp();

    public int Bytes { get; } = intent.EstimatedBytes;

    /// <summary>Why it fails, as decided last; null when it was admitted.</summary>
    public IntentException? Refusal { get; private set; }

    /// <summary>The programmer takes the intent. False when the caller gave up before.</summary>
    public bool TryDrain() => Interlocked.CompareExchange(ref _state, Drained, Queued) == Queued;

    /// <summary>The caller gives up. False when the intent is drained: then it takes its course.</summary>
    public bool TryWithdraw() => Interlocked.CompareExchange(ref _state, Withdrawn, Queued) == Queued;

    /// <summary>Decides the intent against the model; may be called again, which replaces the decision.</summary>
    public void Admit(AdmissionControl admission, AdmissionContext context)
    {
        try
        {
            Decide(admission, context);
            Refusal = null;
        }
        catch (IntentException e)
        {
            Refusal = e;
        }
    }

    /// <summary>The intent is to fail, unless it is decided again.</summary>
    public void Refuse(IntentException error) => Refusal = error;

    /// <summary>Answers the caller as decided.</summary>
    /// <param name="portOf">The number of a port on the target.</param>
    public void Answer(Func<string, uint?> portOf)
    {
        if (Refusal is { } refusal)
        {
            Fail(refusal);
        }
        else
        {
            Complete(portOf);
        }
    }

    /// <summary>Answers the caller with a failure, whatever was decided.</summary>
    public abstract void Fail(IntentException error);

    protected abstract void Decide(AdmissionControl admission, AdmissionContext context);

    protected abstract void Complete(Func<string, uint?> portOf);
}

/// <inheritdoc cref="PendingIntent"/>
internal sealed class PendingIntent<TOutcome>(Intent<TOutcome> intent) : PendingIntent(intent)
{
    // The programmer must not run a caller's continuation.
    private readonly TaskCompletionSource<TOutcome> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [AllowNull]
    private TOutcome _outcome;

    public Task<TOutcome> Outcome => _answer.Task;

    public override void Fail(IntentException error) => _answer.TrySetException(error);

    protected override void Decide(AdmissionControl admission, AdmissionContext context) => _outcome = admission.Admit(intent, context);

    protected override void Complete(Func<string, uint?> portOf) => _answer.TrySetResult(intent.Complete(_outcome, portOf));
}
