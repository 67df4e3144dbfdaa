using System.Net.Sockets;
using System.Security.Authentication;
using Grpc.Core;

namespace ACCOffload.Crash.Hostile;

/// <summary>Hostile peers beside the legitimate work: a few workers that choose among acts, at a bounded rate, until they are disposed of.</summary>
internal sealed class HostileTraffic : IAsyncDisposable
{
    private const int Workers = 4;

    // Eight acts a second at most leave the cores to the legitimate work.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly IReadOnlyList<HostileAct> _acts;
    private readonly Action _closeAll;
    private readonly Func<bool> _isGone;
    private readonly Dictionary<string, long> _counts;
    private readonly SemaphoreSlim _turns = new(Workers);
    private readonly CancellationTokenSource _end = new();
    private readonly Task[] _workers;

    /// <param name="acts">What is done; those that SOAK_HOSTILE does not name are left out where it names some.</param>
    /// <param name="closeAll">Closes the connections that acts left open.</param>
    /// <param name="isGone">Whether the daemons have closed their ends too.</param>
    /// <param name="seed">Determines the choices.</param>
    public HostileTraffic(IEnumerable<HostileAct> acts, Action closeAll, Func<bool> isGone, int seed)
    {
        _acts = [.. acts.Where(a => CrashSettings.HostileActs.Count == 0 || CrashSettings.HostileActs.Contains(a.Name))];
        _closeAll = closeAll;
        _isGone = isGone;
        _counts = _acts.ToDictionary(a => a.Name, _ => 0L);
        _workers = [.. Enumerable.Range(0, _acts.Count == 0 ? 0 : Workers).Select(i => Task.Run(() => WorkAsync(new Random(HashCode.Combine(seed, i)))))];
    }

    /// <summary>What a daemon granted that it must refuse; null: nothing.</summary>
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

    /// <summary>Acts that were never done.</summary>
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
    /// Waits until every act is over, closes what was left open and waits until the daemons have done the same. The acts go on when the answer is disposed of.
    /// </summary>
    public async Task<IDisposable> RestAsync()
    {
        for (var i = 0; i < Workers; i++)
        {
            await _turns.WaitAsync();
        }

        var rest = new Rest(_turns);
        try
        {
            _closeAll();
            await Integration.Lab.Eventually.TrueAsync(() => Task.FromResult(_isGone()), "the daemons close the connections that hostile peers have closed");
            return rest;
        }
        catch
        {
            rest.Dispose();
            throw;
        }
    }

    /// <summary>How often each act was done.</summary>
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
        var choices = _acts.SelectMany(a => Enumerable.Repeat(a, a.Weight)).ToArray();
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

    private async Task DoAsync(HostileAct act, Random random)
    {
        try
        {
            if (await act.DoAsync(random, _end.Token) is { } granted)
            {
                Problem ??= $"hostile peer, {act.Name}: {granted}";
            }
        }
        catch (Exception e) when (e is IOException or SocketException or AuthenticationException or RpcException
            || (e is OperationCanceledException && !_end.IsCancellationRequested))
        {
            // Refused, closed, or the daemon is away.
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Problem ??= $"hostile peer, {act.Name}: {e}";
        }

        lock (_counts)
        {
            _counts[act.Name]++;
        }
    }

    private sealed class Rest(SemaphoreSlim turns) : IDisposable
    {
        public void Dispose() => turns.Release(Workers);
    }
}
