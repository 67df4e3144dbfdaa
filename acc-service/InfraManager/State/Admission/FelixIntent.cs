using ACCOffload.InfraManager.State.Policy.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// What a Felix has sent. Nothing of it is stored: a new Felix sends everything again. An intent that is submitted again, because its
/// answer was late, changes nothing.
/// </summary>
/// <param name="Connection">The connection; it receives what is in force.</param>
/// <param name="Step">What it does.</param>
/// <param name="Messages">With <see cref="FelixStep.Send"/>: the messages, in Felix's order.</param>
internal sealed record FelixIntent(FelixConnection Connection, FelixStep Step, IReadOnlyList<FelixMessage> Messages) : Intent<FelixView>
{
    // A connection has one intent in the queue, which the session bounds. One large set must not exceed a queue that is configured small.
    private const int MaxEstimate = 1024 * 1024;

    public override int EstimatedBytes => (int)Math.Min(MaxEstimate, 256 + Messages.Sum(m => (long)m.Length));

    public override FelixView Admit(AdmissionControl admission, AdmissionContext context)
    {
        admission.Felix.Take(this);
        return FelixView.None;
    }

    /// <summary>The state after the messages were programmed.</summary>
    public override FelixView Complete(FelixView outcome, Func<string, uint?> portOf) => Connection.View;
}
