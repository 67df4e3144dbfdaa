namespace ACCOffload.Services.Tests.Support;

/// <summary>Connects to a service repeatedly and records the results.</summary>
internal sealed class RetryingClient : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _stop = new();
    private readonly List<string> _answers = [];
    private readonly Task _running;

    public RetryingClient(Client client, string to) => _running = Task.Run(() => TryAsync(client, to));

    /// <summary>Waits until several connections in a row, all begun after the call, were answered by this server.</summary>
    public async Task ReachesAsync(string server)
    {
        // Skip one more result: an attempt may be in progress.
        const int Wanted = 3;
        int before;
        lock (_answers)
        {
            before = _answers.Count + 1;
        }

        await Eventually.TrueAsync(
            () => _running.IsFaulted
                ? throw _running.Exception
                : Task.FromResult(Since(before) is { Count: >= Wanted } since && since[^Wanted..].TrueForAll(a => a == server)),
            () => $"{server} is reached; results since the change: {string.Join(' ', Since(before))}", 30);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    private List<string> Since(int before)
    {
        lock (_answers)
        {
            return [.. _answers.Skip(before)];
        }
    }

    private async Task TryAsync(Client client, string to)
    {
        while (!_stop.IsCancellationRequested)
        {
            var answer = await client.AskTcpAsync(to, shortTimeout: true);
            lock (_answers)
            {
                _answers.Add(answer.Server);
            }

            await Task.Delay(Pause, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
