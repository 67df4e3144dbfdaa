using System.Threading.Channels;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;

namespace ACCOffload.InfraManager.Felix;

/// <summary>
/// Tells Felix every 10 s that this side is alive, and the state of each endpoint when it changes. A state that changes again before it is
/// sent is sent once, so that a Felix that reads slowly costs no memory.
/// </summary>
internal sealed class FelixReporter(Stream stream, TimeProvider time) : IDisposable
{
    // As Felix's own data planes do.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    // A Felix that does not read for so long does not live.
    private static readonly TimeSpan WriteLimit = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly Dictionary<FelixEndpointId, string?> _pending = [];
    private readonly SemaphoreSlim _writing = new(1);
    private readonly Channel<bool> _news = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private IReadOnlyDictionary<FelixEndpointId, string> _known = new Dictionary<FelixEndpointId, string>();
    private ulong _sequence;

    /// <summary>Sets the states of all endpoints; those that changed are sent later.</summary>
    public void Set(IReadOnlyDictionary<FelixEndpointId, string> states)
    {
        lock (_lock)
        {
            foreach (var (id, state) in states)
            {
                if (_known.GetValueOrDefault(id) != state)
                {
                    _pending[id] = state;
                }
            }

            foreach (var id in _known.Keys.Where(id => !states.ContainsKey(id)))
            {
                _pending[id] = null;
            }

            _known = states;
        }

        _news.Writer.TryWrite(true);
    }

    /// <summary>Sends until it is cancelled.</summary>
    /// <exception cref="FelixStreamException">Felix does not read.</exception>
    /// <exception cref="IOException">The connection failed.</exception>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        Task[] tasks = [BeatAsync(ends.Token), SendStatesAsync(ends.Token)];
        var first = await Task.WhenAny(tasks);
        await ends.CancelAsync();
        await Task.WhenAll(tasks).ContinueWith(
            _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        await first;
    }

    public void Dispose() => _writing.Dispose();

    private async Task BeatAsync(CancellationToken cancel)
    {
        var started = time.GetTimestamp();
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            await SendAsync(n => FelixReports.Alive(n, time.GetUtcNow(), time.GetElapsedTime(started)), cancel);
        }
        while (await timer.WaitForNextTickAsync(cancel));
    }

    private async Task SendStatesAsync(CancellationToken cancel)
    {
        await foreach (var _ in _news.Reader.ReadAllAsync(cancel))
        {
            while (Take() is var (id, state))
            {
                await SendAsync(n => FelixReports.Status(n, id, state), cancel);
            }
        }
    }

    private (FelixEndpointId Id, string? State)? Take()
    {
        lock (_lock)
        {
            foreach (var (id, state) in _pending)
            {
                _pending.Remove(id);
                return (id, state);
            }

            return null;
        }
    }

    private async Task SendAsync(Func<ulong, byte[]> frame, CancellationToken cancel)
    {
        await _writing.WaitAsync(cancel);
        try
        {
            using var late = new CancellationTokenSource(WriteLimit, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
            try
            {
                await stream.WriteAsync(frame(_sequence++), either.Token);
                await stream.FlushAsync(either.Token);
            }
            catch (OperationCanceledException) when (late.IsCancellationRequested && !cancel.IsCancellationRequested)
            {
                throw new FelixStreamException($"Felix has not read what it was sent for {WriteLimit.TotalSeconds:0} s");
            }
        }
        finally
        {
            _writing.Release();
        }
    }
}
