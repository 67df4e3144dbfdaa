using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming.Queue;

/// <summary>A queued intent and its waiting caller.</summary>
internal abstract class PendingIntent(Intent intent)
{
    private const int Queued = 0;
    private const int Drained = 1;
    private const int Withdrawn = 2;

    private int _state;

    public Intent Intent { get; } = intent;

    /// <summary>When it was queued, as a timestamp of <see cref="Stopwatch"/>.</summary>
    public long Posted { get; } = Stopwatch.GetTimestamp();

    public int Bytes { get; } = intent.EstimatedBytes;

    /// <summary>Why it fails, by the latest decision; null when it is admitted.</summary>
    public IntentException? Refusal { get; private set; }

    /// <summary>Takes the intent for processing. Returns false if the caller has already given up.</summary>
    public bool TryDrain() => Interlocked.CompareExchange(ref _state, Drained, Queued) == Queued;

    /// <summary>Withdraws the intent for its caller. Returns false if it was already taken and will be executed.</summary>
    public bool TryWithdraw() => Interlocked.CompareExchange(ref _state, Withdrawn, Queued) == Queued;

    /// <summary>Decides the intent. A further call replaces the decision.</summary>
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

    /// <summary>Makes the intent fail, unless it is decided again.</summary>
    public void Refuse(IntentException error) => Refusal = error;

    /// <summary>Answers the caller according to the decision.</summary>
    /// <param name="portOf">The pipeline number of a port by name; null while unknown.</param>
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

    /// <summary>Answers the caller with a failure, regardless of the decision.</summary>
    public abstract void Fail(IntentException error);

    protected abstract void Decide(AdmissionControl admission, AdmissionContext context);

    protected abstract void Complete(Func<string, uint?> portOf);
}

/// <inheritdoc cref="PendingIntent"/>
internal sealed class PendingIntent<TOutcome>(Intent<TOutcome> intent) : PendingIntent(intent)
{
    // A caller's continuation must not run on the programmer's loop.
    private readonly TaskCompletionSource<TOutcome> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [AllowNull]
    private TOutcome _outcome;

    public Task<TOutcome> Outcome => _answer.Task;

    public override void Fail(IntentException error) => _answer.TrySetException(error);

    protected override void Decide(AdmissionControl admission, AdmissionContext context) => _outcome = admission.Admit(intent, context);

    protected override void Complete(Func<string, uint?> portOf) => _answer.TrySetResult(intent.Complete(_outcome, portOf));
}
