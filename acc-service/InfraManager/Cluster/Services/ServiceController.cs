using System.Collections.Concurrent;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.Retries;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>
/// Hands changed services to the programmer: nothing before everything is known once, then each service by itself, the newest state only. What the
/// programmer can't do now is tried again. In place of what it refuses a lesser state is set (<see cref="ServiceFallback"/>), so that none that is not wanted any
/// more stays in force; what the target had no room for is tried again now and then, the rest with the service's next change.
/// </summary>
internal sealed partial class ServiceController : IDisposable
{
    /// <summary>Services handed over at once. More would only wait in the programmer's queue, where API requests wait, too.</summary>
    private const int MostAtOnce = 1024;

    // Longer than the programmer's own limits: only a stuck one is given up on.
    private static readonly TimeSpan SubmitLimit = TimeSpan.FromMinutes(1);

    // Each try takes new numbers for what is new, and writes it to no avail.
    private static readonly TimeSpan RefusedAgainAfter = TimeSpan.FromMinutes(1);

    private readonly ServiceIndex _index;
    private readonly IProgrammer _programmer;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly LineBudget _lines;
    private readonly Backoff _backoff = new(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(15));
    private readonly SemaphoreSlim _signal = new(0);
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<ServiceKey, ServiceSpec> _set = new();
    private readonly ConcurrentDictionary<ServiceKey, string> _refused = new();
    private readonly HashSet<ServiceKey> _failed = [];
    private volatile string _waiting = "";
    private long _failedAt;
    private TimeSpan _retryAfter;
    private long _handedOver;

    public ServiceController(ServiceIndex index, IProgrammer programmer, TimeProvider time, ILogger logger)
    {
        _index = index;
        _programmer = programmer;
        _time = time;
        _lines = new LineBudget(time);
        _logger = logger;
        _index.Changed += Signal;
    }

    /// <summary>The services in force, as the controller knows them.</summary>
    public IReadOnlyCollection<ServiceSpec> InForce => [.. _set.Values];

    /// <summary>Raised, by the loop, after a service has been set or removed.</summary>
    public event Action<ServiceKey, ServiceSpec?>? ServiceSet;

    /// <summary>From now on what is missing from the index is missing from the cluster. May be called again.</summary>
    public void SetSynced() => _synced.TrySetResult();

    public ServiceControllerStatus GetStatus() => new(
        _synced.Task.IsCompleted,
        _set.Count,
        _index.PendingCount,
        Interlocked.Read(ref _handedOver),
        _waiting,
        [.. _refused.OrderBy(r => r.Key).Select(r => new ServiceProblem(r.Key.ToString(), r.Value))]);

    /// <summary>Runs until cancelled; no failure ends it.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _synced.Task.WaitAsync(cancellationToken);
            List<ServiceKey> known = [.. _programmer.Services.Keys];
            // Those of a former life: what the cluster still has is compared, the rest goes.
            _index.Touch(known);
            await FlushAsync(cancellationToken);
            var removed = known.Count(k => !_set.ContainsKey(k));
            LogSynced(_set.Count, removed);
            while (true)
            {
                var due = await WaitAsync(cancellationToken);
                if (due)
                {
                    _index.Touch(_failed);
                    _failed.Clear();
                }
                await FlushAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
    }

    public void Dispose()
    {
        _index.Changed -= Signal;
        _signal.Dispose();
    }

    private void Signal()
    {
        // One is enough: the loop looks at everything.
        if (_signal.CurrentCount == 0)
        {
            _signal.Release();
        }
    }

    /// <summary>Waits for a change. True when it is time to try again what failed.</summary>
    private async Task<bool> WaitAsync(CancellationToken cancellationToken)
    {
        if (_failed.Count == 0)
        {
            await _signal.WaitAsync(cancellationToken);
            return false;
        }
        var left = _retryAfter - _time.GetElapsedTime(_failedAt);
        if (left <= TimeSpan.Zero)
        {
            return true;
        }

        using var due = new CancellationTokenSource(left, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(due.Token, cancellationToken);
        try
        {
            await _signal.WaitAsync(either.Token);
            return false;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return true;
        }
    }

    /// <summary>Hands over all that has changed. What failed is kept for later.</summary>
    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        while (_index.Take(MostAtOnce) is { Count: > 0 } taken)
        {
            var results = await Task.WhenAll(taken.Where(IsNew).Select(i => SubmitAsync(i, cancellationToken)));
            // A newer state of what failed before is taken with it.
            _failed.ExceptWith(taken.Select(i => i.Key));
            var failed = results.OfType<ServiceIntent>().Select(i => i.Key).ToList();
            if (failed.Count == 0)
            {
                continue;
            }

            _failed.UnionWith(failed);
            _failedAt = _time.GetTimestamp();
            _retryAfter = failed.TrueForAll(_refused.ContainsKey) ? RefusedAgainAfter : _backoff.Next();
        }
        if (_failed.Any(k => !_refused.ContainsKey(k)))
        {
            return;
        }

        if (_waiting.Length > 0)
        {
            LogGoingOn();
        }

        _waiting = "";
        _backoff.Reset();
    }

    private bool IsNew(ServiceIntent intent)
    {
        if (intent.Spec is null)
        {
            return true;
        }
        // A refused state that comes again is refused again, and what holds need not be set.
        return !_set.TryGetValue(intent.Key, out var before) || before != intent.Spec || _refused.ContainsKey(intent.Key);
    }

    /// <returns>The intent when it is to be tried again, else null.</returns>
    private async Task<ServiceIntent?> SubmitAsync(ServiceIntent intent, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(SubmitLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var start = _time.GetTimestamp();
        IntentException refusal;
        try
        {
            // Of a service that never was, there is nothing to remove.
            if (intent.Spec is not null || _set.ContainsKey(intent.Key) || _programmer.Services.ContainsKey(intent.Key))
            {
                // The one that is held anyway is kept here, too: after a restart it is another object.
                if ((await _programmer.SubmitAsync(intent, either.Token)).State?.Spec is { } held && held == intent.Spec)
                {
                    intent = intent with { Spec = held };
                }
            }

            Done(intent, _time.GetElapsedTime(start));
            return null;
        }
        catch (IntentException e) when (WillPass(e))
        {
            return Again(intent, e.Message);
        }
        catch (IntentException e)
        {
            refusal = e;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Again(intent, $"no answer within {SubmitLimit.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogUnexpected(e);
            return Again(intent, e.Message.ReplaceLineEndings(" "));
        }
        return await FallBackAsync(intent, refusal, cancellationToken);
    }

    private static bool WillPass(IntentException e) => !e.IsLasting
        && e.Code is IntentError.Unavailable or IntentError.ResourceExhausted or IntentError.Aborted or IntentError.DeadlineExceeded or IntentError.AlreadyExists;

    /// <summary>Sets what can be set in place of what was refused.</summary>
    /// <returns>The intent when it is to be tried again, else null.</returns>
    private async Task<ServiceIntent?> FallBackAsync(ServiceIntent intent, IntentException refusal, CancellationToken cancellationToken)
    {
        if (!_refused.TryGetValue(intent.Key, out var before) || before != refusal.Message)
        {
            Tell(nameof(_refused), intent.Key, refusal.Message, LogRefused);
        }

        using var limit = new CancellationTokenSource(SubmitLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var start = _time.GetTimestamp();
        try
        {
            foreach (var lesser in intent.Spec is { } wanted ? ServiceFallback.Of(wanted, _programmer.Services.GetValueOrDefault(intent.Key)?.State.Spec, refusal.Message) : [])
            {
                try
                {
                    await _programmer.SubmitAsync(new ServiceIntent(intent.Key, lesser), either.Token);
                    Done(new ServiceIntent(intent.Key, lesser), _time.GetElapsedTime(start));
                    break;
                }
                catch (IntentException e) when (!WillPass(e))
                {
                    // The next one asks for less.
                }
            }
        }
        catch (IntentException e)
        {
            return Again(intent, e.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Again(intent, $"no answer within {SubmitLimit.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogUnexpected(e);
            return Again(intent, e.Message.ReplaceLineEndings(" "));
        }
        _refused[intent.Key] = refusal.Message;
        return refusal.IsLasting ? intent : null;
    }

    /// <summary>Bounded by namespace: who may write one's services can't fill the journal. <c>ctl services</c> shows all.</summary>
    private void Tell(string kind, ServiceKey key, string text, Action<ServiceKey, string> log)
    {
        var verdict = _lines.Decide(key.Namespace, kind, $"{key} {text}");
        if (verdict.Fate == LineFate.Written)
        {
            log(key, verdict.Suppressed == 0 ? text : $"{text} ({verdict.Suppressed} more of this namespace were not logged)");
        }
    }

    private ServiceIntent Again(ServiceIntent intent, string problem)
    {
        if (_waiting != problem)
        {
            LogWaiting(problem);
        }

        _waiting = problem;
        // It is tried again soon, unlike what was refused.
        _refused.TryRemove(intent.Key, out _);
        return intent;
    }

    private void Done(ServiceIntent intent, TimeSpan elapsed)
    {
        Interlocked.Increment(ref _handedOver);
        _refused.TryRemove(intent.Key, out _);
        var problems = _set.GetValueOrDefault(intent.Key)?.Problems ?? [];
        if (intent.Spec is { } spec)
        {
            _set[intent.Key] = spec;
            foreach (var problem in spec.Problems.Except(problems))
            {
                Tell(nameof(problem), intent.Key, problem.Reason, (key, reason) => LogProblem(key, problem.Subject, reason));
            }
        }
        else
        {
            _set.TryRemove(intent.Key, out _);
        }
        LogSet(intent.Key, elapsed);
        ServiceSet?.Invoke(intent.Key, intent.Spec);
    }

    [LoggerMessage(EventId = 4101, Level = LogLevel.Information, Message = "Services in step with the cluster: {Count}; {Removed} that vanished meanwhile are removed")]
    private partial void LogSynced(int count, int removed);

    [LoggerMessage(EventId = 4102, Level = LogLevel.Warning, Message = "Service {Service} is refused: {Problem}")]
    private partial void LogRefused(ServiceKey service, string problem);

    [LoggerMessage(EventId = 4103, Level = LogLevel.Warning, Message = "Services wait: {Problem}")]
    private partial void LogWaiting(string problem);

    [LoggerMessage(EventId = 4104, Level = LogLevel.Information, Message = "Services go on")]
    private partial void LogGoingOn();

    [LoggerMessage(EventId = 4105, Level = LogLevel.Warning, Message = "Service {Service}, {Subject}: {Problem}")]
    private partial void LogProblem(ServiceKey service, string subject, string problem);

    [LoggerMessage(EventId = 4106, Level = LogLevel.Debug, Message = "Service {Service} set in {Elapsed}")]
    private partial void LogSet(ServiceKey service, TimeSpan elapsed);

    [LoggerMessage(EventId = 4107, Level = LogLevel.Error, Message = "A service could not be handled")]
    private partial void LogUnexpected(Exception exception);
}

/// <summary>Where the controller is, for <c>ctl status</c>.</summary>
/// <param name="Synced">Whether everything was known once.</param>
/// <param name="Services">In force.</param>
/// <param name="Pending">Changed and not yet in force, those under way among them; but not those that wait to be tried again.</param>
/// <param name="HandedOver">Services set or removed since the process started.</param>
/// <param name="Waiting">Why services wait; empty when they don't.</param>
/// <param name="Refused">Services that the programmer refuses, each with the reason.</param>
internal sealed record ServiceControllerStatus(bool Synced, int Services, int Pending, long HandedOver, string Waiting, IReadOnlyList<ServiceProblem> Refused);
