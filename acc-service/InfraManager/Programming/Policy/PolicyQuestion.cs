namespace ACCOffload.InfraManager.Programming.Policy;

/// <summary>A question about the policy in force that waits for the programmer's loop.</summary>
internal abstract class PolicyQuestion
{
    /// <summary>Answers it, unless the caller has given up. Failures go to the caller.</summary>
    public abstract void Answer(PolicyInForce policy);

    public abstract void Fail(Exception error);
}

/// <inheritdoc cref="PolicyQuestion"/>
internal sealed class PolicyQuestion<T>(Func<PolicyInForce, T> question, CancellationToken cancellationToken) : PolicyQuestion
{
    // A caller's continuation must not run on the programmer's loop.
    private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Answered => _answer.Task;

    public override void Answer(PolicyInForce policy)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            _answer.TrySetCanceled(cancellationToken);
            return;
        }

        try
        {
            _answer.TrySetResult(question(policy));
        }
        catch (Exception e)
        {
            _answer.TrySetException(e);
        }
    }

    public override void Fail(Exception error) => _answer.TrySetException(error);
}
