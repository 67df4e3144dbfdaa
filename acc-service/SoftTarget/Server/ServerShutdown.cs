namespace ACCOffload.SoftTarget.Server;

/// <summary>Tells open streams that the server stops.</summary>
internal sealed class ServerShutdown
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the server stops.</summary>
    public Task Begun => _begun.Task;

    public void Begin() => _begun.TrySetResult();
}
