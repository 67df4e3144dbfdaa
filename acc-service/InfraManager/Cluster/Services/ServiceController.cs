using System.Collections.Concurrent;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.Retries;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>
/// Submits changed services to the programmer: none before the first complete lists, then each service independently and only its latest
/// state. Transient failures are retried. A refused service is replaced by a reduced one (<see cref="ServiceFallback"/>), so that an
/// outdated state does not stay in use; it is retried periodically if the target had no room for it, otherwise with its next change.
/// </summary>
internal sealed partial class ServiceController : IDisposable
{
    /// <summary>Services submitted at the same time. More would only fill the programmer's queue, where API requests wait too.</summary>
    private const int MaxConcurrent = 1024;

    // Not shorter, because each attempt allocates new IDs and writes entries in vain.
    private static readonly TimeSpan RefusedRetryInterval = TimeSpan.FromMinutes(1);

    private readonly ServiceIndex _index;
    private readonly IProgrammer _programmer;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly LineBudget _lines;
    private readonly Backoff _backoff = new(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(15));
    private readonly ChangeSignal _signal = new();
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<ServiceKey, ServiceSpec> _applied = new();
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
        _index.Changed += _signal.Set;
    }

    /// <summary>Raised after a service has been applied or removed; for different services possibly at the same time.</summary>
    public event Action<ServiceKey, ServiceSpec?>? Applied;

    /// <summary>
    /// Marks the index as complete: services missing from it do not exist in the cluster. May be called repeatedly.
    /// </summary>
    public void MarkSynced() => _synced.TrySetResult();

    public ServiceControllerStatus GetStatus() => new(
        _synced.Task.IsCompleted,
        _applied.Count,
        _index.PendingCount,
        Interlocked.Read(ref _handedOver),
        _waiting,
        [.. _refused.OrderBy(r => r.Key).Select(r => new ServiceProblem(r.Key.ToString(), r.Value))]);

    /// <summary>Runs until cancelled; failures do not stop it.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _synced.Task.WaitAsync(cancellationToken);
            List<ServiceKey> known = [.. _programmer.Services.Keys.Where(k => !HostPortService.Is(k))];
            // Compares services from before a restart with the cluster, and removes those that are gone.
            _index.MarkChanged(known);
            await FlushAsync(cancellationToken);
            var removed = known.Count(k => !_applied.ContainsKey(k));
            LogSynced(_applied.Count, removed);
            while (true)
            {
                var due = await WaitAsync(cancellationToken);
                if (due)
                {
                    _index.MarkChanged(_failed);
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
        _index.Changed -= _signal.Set;
        _signal.Dispose();
    }

    /// <summary>Waits for a change. Returns true when failed services are due for a retry.</summary>
    private async Task<bool> WaitAsync(CancellationToken cancellationToken)
    {
        var limit = Timeout.InfiniteTimeSpan;
        if (_failed.Count > 0)
        {
            var left = _retryAfter - _time.GetElapsedTime(_failedAt);
            limit = left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }

        return !await _signal.WaitAsync(limit, _time, cancellationToken);
    }

    /// <summary>Submits all changed services; failed ones are kept for a retry.</summary>
    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        var anyFailed = false;
        while (_index.Take(MaxConcurrent) is { Count: > 0 } taken)
        {
            var results = await Task.WhenAll(taken.Where(IsNew).Select(i => SubmitAsync(i, cancellationToken)));
            // These attempts replace earlier failed ones.
            _failed.ExceptWith(taken.Select(i => i.Key));
            var failed = results.OfType<ServiceIntent>().Select(i => i.Key).ToList();
            _failed.UnionWith(failed);
            anyFailed |= failed.Count > 0;
        }
        if (anyFailed)
        {
            _failedAt = _time.GetTimestamp();
            _retryAfter = _failed.All(_refused.ContainsKey) ? RefusedRetryInterval : _backoff.Next();
        }

        if (_failed.Any(k => !_refused.ContainsKey(k)))
        {
            return;
        }

        if (_waiting.Length > 0)
        {
            LogResumed();
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
        // An unchanged state need not be applied again, unless it replaces a refused one.
        return !_applied.TryGetValue(intent.Key, out var before) || before != intent.Spec || _refused.ContainsKey(intent.Key);
    }

    /// <returns>The intent if it has to be retried, otherwise null.</returns>
    private async Task<ServiceIntent?> SubmitAsync(ServiceIntent intent, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(IntentSubmitter.Timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var start = _time.GetTimestamp();
        IntentException refusal;
        try
        {
            // An unknown service needs no removal.
            if (intent.Spec is not null || _applied.ContainsKey(intent.Key) || _programmer.Services.ContainsKey(intent.Key))
            {
                // Keep the programmer's instance instead of an equal copy, which saves memory after a restart.
                if ((await _programmer.SubmitAsync(intent, either.Token)).State?.Spec is { } applied && applied == intent.Spec)
                {
                    intent = intent with { Spec = applied };
                }
            }

            OnApplied(intent, _time.GetElapsedTime(start));
            return null;
        }
        catch (IntentException e) when (IsTransient(e))
        {
            return RetryLater(intent, e.Message);
        }
        catch (IntentException e)
        {
            refusal = e;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return RetryLater(intent, IntentSubmitter.NoResponse);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogUnexpected(e);
            return RetryLater(intent, e.Message.ReplaceLineEndings(" "));
        }
        return await FallBackAsync(intent, refusal, cancellationToken);
    }

    private static bool IsTransient(IntentException e) => !e.IsLasting
        && e.Code is IntentError.Unavailable or IntentError.ResourceExhausted or IntentError.Aborted or IntentError.DeadlineExceeded
            or IntentError.AlreadyExists;

    /// <summary>Applies the best possible replacement of a refused service.</summary>
    /// <returns>The intent if it has to be retried, otherwise null.</returns>
    private async Task<ServiceIntent?> FallBackAsync(ServiceIntent intent, IntentException refusal, CancellationToken cancellationToken)
    {
        if (!_refused.TryGetValue(intent.Key, out var before) || before != refusal.Message)
        {
            LogBounded(nameof(_refused), intent.Key, refusal.Message, LogRefused);
        }

        using var limit = new CancellationTokenSource(IntentSubmitter.Timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var start = _time.GetTimestamp();
        try
        {
            var current = _programmer.Services.GetValueOrDefault(intent.Key)?.State.Spec;
            var fallbacks = intent.Spec is { } wanted ? ServiceFallback.Of(wanted, current, refusal.Message) : [];
            foreach (var fallback in fallbacks)
            {
                try
                {
                    await _programmer.SubmitAsync(new ServiceIntent(intent.Key, fallback), either.Token);
                    OnApplied(new ServiceIntent(intent.Key, fallback), _time.GetElapsedTime(start));
                    break;
                }
                catch (IntentException e) when (!IsTransient(e))
                {
                    // Try the next, smaller replacement.
                }
            }
        }
        catch (IntentException e)
        {
            return RetryLater(intent, e.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return RetryLater(intent, IntentSubmitter.NoResponse);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogUnexpected(e);
            return RetryLater(intent, e.Message.ReplaceLineEndings(" "));
        }
        _refused[intent.Key] = refusal.Message;
        return refusal.IsLasting ? intent : null;
    }

    /// <summary>
    /// Logs with a limit per namespace, so that its owner cannot flood the journal. <c>ctl services</c> shows all problems.
    /// </summary>
    private void LogBounded(string kind, ServiceKey key, string text, Action<ServiceKey, string> log)
    {
        var verdict = _lines.Decide(key.Namespace, kind, $"{key} {text}");
        if (verdict.Fate == LineFate.Written)
        {
            log(key, verdict.Suppressed == 0 ? text : $"{text} ({verdict.Suppressed} more in this namespace not logged)");
        }
    }

    private ServiceIntent RetryLater(ServiceIntent intent, string problem)
    {
        if (_waiting != problem)
        {
            LogWaiting(problem);
        }

        _waiting = problem;
        // It is no longer refused: it is retried soon.
        _refused.TryRemove(intent.Key, out _);
        return intent;
    }

    private void OnApplied(ServiceIntent intent, TimeSpan elapsed)
    {
        Interlocked.Increment(ref _handedOver);
        _refused.TryRemove(intent.Key, out _);
        var problems = _applied.GetValueOrDefault(intent.Key)?.Problems ?? [];
        if (intent.Spec is { } spec)
        {
            _applied[intent.Key] = spec;
            foreach (var problem in spec.Problems.Except(problems))
            {
                LogBounded(nameof(problem), intent.Key, problem.Reason, (key, reason) => LogProblem(key, problem.Subject, reason));
            }
        }
        else
        {
            _applied.TryRemove(intent.Key, out _);
        }
        LogApplied(intent.Key, elapsed);
        Applied?.Invoke(intent.Key, intent.Spec);
    }

    [LoggerMessage(EventId = 4101, Level = LogLevel.Information,
        Message = "Services are in sync with the cluster: {Count} applied, {Removed} removed")]
    private partial void LogSynced(int count, int removed);

    [LoggerMessage(EventId = 4102, Level = LogLevel.Warning, Message = "Service {Service} was refused: {Problem}")]
    private partial void LogRefused(ServiceKey service, string problem);

    [LoggerMessage(EventId = 4103, Level = LogLevel.Warning, Message = "Services are waiting for a retry: {Problem}")]
    private partial void LogWaiting(string problem);

    [LoggerMessage(EventId = 4104, Level = LogLevel.Information, Message = "Services are applied again")]
    private partial void LogResumed();

    [LoggerMessage(EventId = 4105, Level = LogLevel.Warning, Message = "Service {Service}, {Subject}: {Problem}")]
    private partial void LogProblem(ServiceKey service, string subject, string problem);

    [LoggerMessage(EventId = 4106, Level = LogLevel.Debug, Message = "Service {Service} applied in {Elapsed}")]
    private partial void LogApplied(ServiceKey service, TimeSpan elapsed);

    [LoggerMessage(EventId = 4107, Level = LogLevel.Error, Message = "Unexpected error while applying a service")]
    private partial void LogUnexpected(Exception exception);
}

/// <summary>The state of the controller, for <c>ctl status</c>.</summary>
/// <param name="Synced">Whether the first lists have completed.</param>
/// <param name="Services">Number of applied services.</param>
/// <param name="Pending">Changed services not yet applied, including those in progress but not those waiting for a retry.</param>
/// <param name="HandedOver">Services applied or removed since the process started.</param>
/// <param name="Waiting">Why services are waiting for a retry; empty if none are.</param>
/// <param name="Refused">Refused services with the reasons.</param>
internal sealed record ServiceControllerStatus(
    bool Synced, int Services, int Pending, long HandedOver, string Waiting, IReadOnlyList<ServiceProblem> Refused);
