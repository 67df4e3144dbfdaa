using ACCOffload.Integration.Lab;

namespace ACCOffload.Services.Tests.Support;

/// <summary>Connects to a service again and again, whatever comes of it, and keeps what came.</summary>
internal sealed class RetryingClient : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _stop = new();
    private readonly List<string> _answers = [];
    private readonly Task _running;

    public RetryingClient(Client client, string to) => _running = Task.Run(() => TryAsync(client, to));

    /// <summary>Waits until this server, and no other, answered some connections that began after now.</summary>
    public async Task ReachesAsync(string server)
    {
        // One more: an attempt may be under way.
        const int Wanted = 3;
        int before;
        lock (_answers)
        {
            before = _answers.Count + 1;
        }

        await Eventually.TrueAsync(
            () => _running.IsFaulted ? throw _running.Exception : Task.FromResult(Since(before) is { Count: >= Wanted } since && since[^Wanted..].TrueForAll(a => a == server)),
            () => $"{server} is reached; since it should be: {string.Join(' ', Since(before))}", 30);
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
            var answer = await client.AskTcpAsync(to, impatient: true);
            lock (_answers)
            {
                _answers.Add(answer.Who);
            }

            await Task.Delay(Pause, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
