namespace ACCOffload.InfraManager.Hosting;

/// <summary>The soft target in this process. It has a server of its own to set up, so it starts beside the store and the API.</summary>
internal sealed class EmbeddedTarget(Task<IAsyncDisposable> starting) : IAsyncDisposable
{
    /// <summary>Completes when the target serves.</summary>
    /// <exception cref="ConfigurationException">Its address can't be served.</exception>
    public Task WaitForStartAsync() => starting;

    public async ValueTask DisposeAsync()
    {
        // A failure to start was reported to whoever waited for it.
        await ((Task)starting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (starting.IsCompletedSuccessfully)
        {
            await starting.Result.DisposeAsync();
        }
    }
}
