namespace ACCOffload.InfraManager.Hosting;

/// <summary>The soft target in this process. It sets up a server of its own, so it starts in parallel with the store and the API.</summary>
internal sealed class EmbeddedTarget(Task<IAsyncDisposable> starting) : IAsyncDisposable
{
    /// <summary>Completes when the target serves.</summary>
    /// <exception cref="ConfigurationException">Its address can't be served.</exception>
    public Task WaitForStartAsync() => starting;

    public async ValueTask DisposeAsync()
    {
        // A failed start was reported to the caller of WaitForStartAsync.
        await ((Task)starting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (starting.IsCompletedSuccessfully)
        {
            await starting.Result.DisposeAsync();
        }
    }
}
