using System.Collections.Concurrent;
using System.Diagnostics;
using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.Programming.Queue;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming;

// Questions about policy are answered by the loop, between two batches, because what the answers follow from changes with each batch.
internal sealed partial class Programmer
{
    private const int MaxQuestions = 64;

    private readonly ConcurrentQueue<PolicyQuestion> _questions = new();
    private long _policyRevision;

    /// <summary>
    /// Raised by the loop before a change of policy removes rows of verdicts, and their counters with them. Handlers must not block.
    /// </summary>
    public event Action? VerdictsLeaving;

    public async Task<T> AskPolicyAsync<T>(Func<PolicyInForce, T> question, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_questions.Count >= MaxQuestions)
        {
            throw new IntentException(IntentError.ResourceExhausted, $"{MaxQuestions} questions about policy wait already; try again");
        }

        var pending = new PolicyQuestion<T>(question, cancellationToken);
        _questions.Enqueue(pending);
        _queue.Wake();
        // The loop may have ended before the question was queued.
        if (_finished)
        {
            FailQuestions();
        }

        return await pending.Answered.WaitAsync(cancellationToken);
    }

    private void AnnounceLeaving(PolicyChange change)
    {
        foreach (var row in change.Rows)
        {
            if (row is { Kind: RowChangeKind.Delete, Row: VerdictRow })
            {
                VerdictsLeaving?.Invoke();
                return;
            }
        }
    }

    private void AnswerQuestions()
    {
        while (_questions.TryDequeue(out var question))
        {
            if (_mustReload)
            {
                question.Fail(IntentException.Unavailable("the state is being reloaded after an error; try again"));
            }
            else if (_policies is { } policies)
            {
                question.Answer(new PolicyInForce(
                    _model, policies, _effective.Of(_model), _device.PortOf, _device.IsReady, _policyRevision));
            }
            else
            {
                question.Fail(new IntentException(
                    IntentError.FailedPrecondition,
                    _node.Profile.JudgesPolicy
                        ? "network policy is off (Policy:Source)"
                        : $"pipeline {_node.Profile.Name} cannot judge packets by network policy"));
            }

            Progress();
        }
    }

    /// <summary>Records how long changes of policy took, if all their rows are on the target now.</summary>
    private void MeasurePolicy(List<PendingIntent> batch)
    {
        if (!_device.IsReady || _model.Policies.IsFenced)
        {
            return;
        }

        foreach (var pending in batch)
        {
            if (pending.Intent is PolicyIntent && pending.Refusal is null)
            {
                ManagerInstruments.PolicyTook(Stopwatch.GetElapsedTime(pending.Posted));
            }
        }
    }

    private void FailQuestions()
    {
        while (_questions.TryDequeue(out var question))
        {
            question.Fail(ShuttingDown());
        }
    }
}
