using System.Net.Sockets;
using System.Security.Authentication;
using Grpc.Core;

namespace ACCOffload.Crash.Tests.Hostile;

/// <summary>Runs hostile actions in the background: a few workers choose among them at a bounded rate until disposal.</summary>
internal sealed class HostileTraffic : IAsyncDisposable
{
    private const int Workers = 4;

    // At most eight actions per second, to leave the CPU to the legitimate work.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly IReadOnlyList<HostileAction> _actions;
    private readonly Action _closeAll;
    private readonly Func<bool> _hasClosedAll;
    private readonly Dictionary<string, long> _counts;
    private readonly SemaphoreSlim _turns = new(Workers);
    private readonly CancellationTokenSource _end = new();
    private readonly Task[] _workers;

    /// <param name="actions">The actions; if SOAK_HOSTILE names some, only those are used.</param>
    /// <param name="closeAll">Closes the connections that the actions left open.</param>
    /// <param name="hasClosedAll">Whether the daemons have closed their ends as well.</param>
    /// <param name="seed">Determines the choices.</param>
    public HostileTraffic(IEnumerable<HostileAction> actions, Action closeAll, Func<bool> hasClosedAll, int seed)
    {
        _actions = [.. actions.Where(a => CrashSettings.HostileActions.Count == 0 || CrashSettings.HostileActions.Contains(a.Name))];
        _closeAll = closeAll;
        _hasClosedAll = hasClosedAll;
        _counts = _actions.ToDictionary(a => a.Name, _ => 0L);
        _workers = [.. Enumerable.Range(0, _actions.Count == 0 ? 0 : Workers)
            .Select(i => Task.Run(() => WorkAsync(new Random(unchecked((seed * 31) + i)))))];
    }

    /// <summary>The first thing that a daemon did wrong, or an unexpected exception; null if there was none.</summary>
    public string? Problem { get; private set; }

    public long Sent
    {
        get
        {
            lock (_counts)
            {
                return _counts.Values.Sum();
            }
        }
    }

    /// <summary>Actions that were never performed.</summary>
    public IReadOnlyList<string> Missing
    {
        get
        {
            lock (_counts)
            {
                return [.. _counts.Where(c => c.Value == 0).Select(c => c.Key)];
            }
        }
    }

    /// <summary>
    /// Waits until every running action has ended, closes all connections and waits until the daemons have done the same. Actions
    /// resume when the result is disposed.
    /// </summary>
    public async Task<IDisposable> PauseAsync()
    {
        for (var i = 0; i < Workers; i++)
        {
            await _turns.WaitAsync();
        }

        var rest = new PauseScope(_turns);
        try
        {
            _closeAll();
            await Eventually.TrueAsync(() => Task.FromResult(_hasClosedAll()),
                "the daemons close the connections that hostile peers have closed");
            return rest;
        }
        catch
        {
            rest.Dispose();
            throw;
        }
    }

    /// <summary>The number of times each action was performed.</summary>
    public override string ToString()
    {
        lock (_counts)
        {
            return $"hostile: {_counts.Values.Sum()} ({string.Join(", ", _counts.Select(c => $"{c.Key} {c.Value}"))})";
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Task.WhenAll(_workers);
        _closeAll();
        _end.Dispose();
        _turns.Dispose();
    }

    private async Task WorkAsync(Random random)
    {
        var choices = _actions.SelectMany(a => Enumerable.Repeat(a, a.Weight)).ToArray();
        while (!_end.IsCancellationRequested)
        {
            try
            {
                await _turns.WaitAsync(_end.Token);
                try
                {
                    await DoAsync(choices[random.Next(choices.Length)], random);
                }
                finally
                {
                    _turns.Release();
                }

                await Task.Delay(Pause, _end.Token);
            }
            catch (OperationCanceledException) when (_end.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task DoAsync(HostileAction action, Random random)
    {
        try
        {
            if (await action.DoAsync(random, _end.Token) is { } granted)
            {
                Problem ??= $"hostile peer, {action.Name}: {granted}";
            }
        }
        catch (Exception e) when (e is IOException or SocketException or AuthenticationException or RpcException
            || (e is OperationCanceledException && !_end.IsCancellationRequested))
        {
            // Rejected, closed, or the daemon is down.
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Problem ??= $"hostile peer, {action.Name}: {e}";
        }

        lock (_counts)
        {
            _counts[action.Name]++;
        }
    }

    private sealed class PauseScope(SemaphoreSlim turns) : IDisposable
    {
        public void Dispose() => turns.Release(Workers);
    }
}
