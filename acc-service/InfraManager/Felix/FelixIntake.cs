using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.Retries;

namespace ACCOffload.InfraManager.Felix;

/// <summary>
/// Submits what one Felix sends, in order, and knows how far it is in force. What is refused, for instance because the queue is full, is
/// submitted again; Felix waits meanwhile.
/// </summary>
/// <param name="submit">Submits an intent to the programmer, and returns what is in force after it.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log: at most 20 problems of each Felix.</param>
internal sealed partial class FelixIntake(
    Func<FelixIntent, CancellationToken, Task<FelixView>> submit, TimeProvider time, ILogger logger)
{
    private const int MaxLoggedProblems = 20;

    // A batch that takes less is not worth a word.
    private static readonly TimeSpan Usual = TimeSpan.FromSeconds(1);

    // How often the programmer is asked what is in force: a target may take up the rows later, and a programmer may have begun anew.
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(10);

    // Longer than the programmer's own limits, so that only a stuck programmer exceeds it.
    private static readonly TimeSpan SubmitLimit = TimeSpan.FromMinutes(1);

    // The end of a connection changes no row, so nothing waits for it for long.
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(5);

    private readonly FelixConnection _connection = new();
    private readonly HashSet<string> _logged = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private FelixView _view = FelixView.None;
    private long? _busySince;
    private bool _isApplying;

    /// <summary>Called with the states of all endpoints whenever they may have changed. On any thread.</summary>
    public Action<IReadOnlyDictionary<FelixEndpointId, string>>? StatesChanged { get; init; }

    /// <summary>The state. From any thread.</summary>
    public FelixStatus Status
    {
        get
        {
            lock (_lock)
            {
                var delay = _busySince is { } since ? time.GetElapsedTime(since) : TimeSpan.Zero;
                var state = !_view.IsInSync ? FelixState.NotInSync : delay >= Usual ? FelixState.Behind : FelixState.InSync;
                return new FelixStatus(state, state == FelixState.Behind ? delay : TimeSpan.Zero, _view.Endpoints, _view.Problems);
            }
        }
    }

    /// <summary>Policy comes from this Felix from now on.</summary>
    public Task BeginAsync(CancellationToken cancel) => SubmitAsync(FelixStep.Begin, [], cancel);

    /// <summary>Notes that a message has arrived: from now on what is in force is behind.</summary>
    public void Arrive()
    {
        lock (_lock)
        {
            _busySince ??= time.GetTimestamp();
            _isApplying = true;
        }
    }

    /// <summary>Takes messages, all that have arrived so far. Returns when the programmer has taken them.</summary>
    /// <exception cref="FelixStreamException">Policy no longer comes from this Felix.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; the messages may have been taken.</exception>
    public async Task TakeAsync(IReadOnlyList<FelixMessage> messages, CancellationToken cancel) => Publish(
        messages.Count > 0 ? await SubmitAsync(FelixStep.Send, messages, cancel) : _connection.View, isBatch: true);

    /// <summary>Asks now and then what is in force while Felix sends nothing, until it is cancelled.</summary>
    /// <exception cref="FelixStreamException">Policy no longer comes from this Felix.</exception>
    public async Task CheckAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(CheckInterval, time);
        while (await timer.WaitForNextTickAsync(cancel))
        {
            Publish(await SubmitAsync(FelixStep.Send, [], cancel), isBatch: false);
        }
    }

    /// <summary>Nothing more comes from this Felix. What is in force stays so.</summary>
    public async Task EndAsync()
    {
        using var limit = new CancellationTokenSource(EndLimit, time);
        try
        {
            await submit(new FelixIntent(_connection, FelixStep.End, []), limit.Token);
        }
        catch (Exception e) when (e is IntentException or OperationCanceledException)
        {
            // The next Felix replaces it in any case.
        }
    }

    /// <summary>Submits an intent until it is taken.</summary>
    private async Task<FelixView> SubmitAsync(FelixStep step, IReadOnlyList<FelixMessage> messages, CancellationToken cancel)
    {
        var backoff = new Backoff(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(15));
        var intent = new FelixIntent(_connection, step, messages);
        for (var last = ""; ;)
        {
            var problem = "";
            using (var limit = new CancellationTokenSource(SubmitLimit, time))
            using (var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, limit.Token))
            {
                try
                {
                    var view = await submit(intent, either.Token);
                    if (!view.IsCurrent)
                    {
                        throw new FelixStreamException("the service has begun anew, or another Felix has connected");
                    }

                    if (last.Length > 0)
                    {
                        LogResumed();
                    }

                    return view;
                }
                catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
                {
                    problem = $"no response within {SubmitLimit.TotalSeconds:0} s";
                }
                catch (IntentException e)
                {
                    problem = e.Message;
                }
            }

            if (problem != last)
            {
                LogNotTaken(problem);
                last = problem;
            }

            await Task.Delay(backoff.Next(), time, cancel);
        }
    }

    private void Publish(FelixView view, bool isBatch)
    {
        bool isNew;
        lock (_lock)
        {
            _isApplying &= !isBatch;
            if (view.IsInForce && !_isApplying)
            {
                _busySince = null;
            }

            isNew = !ReferenceEquals(_view, view);
            if (view.IsInSync && !_view.IsInSync)
            {
                LogInSync(view.Endpoints);
            }

            _view = view;
        }

        if (!isNew || !view.IsInForce || !view.IsInSync)
        {
            return;
        }

        StatesChanged?.Invoke(view.States);
        foreach (var problem in view.Problems)
        {
            lock (_lock)
            {
                if (_logged.Count >= MaxLoggedProblems)
                {
                    break;
                }

                if (!_logged.Add(problem.Subject))
                {
                    continue;
                }
            }

            LogProblem(FelixText.Shown(problem.Subject), problem.Reason);
        }
    }

    [LoggerMessage(EventId = 6101, Level = LogLevel.Information, Message = "Felix is in sync: {Endpoints} endpoints")]
    private partial void LogInSync(int endpoints);

    [LoggerMessage(EventId = 6102, Level = LogLevel.Warning, Message = "Felix's {Subject} is not enforced as written: {Reason}")]
    private partial void LogProblem(string subject, string reason);

    [LoggerMessage(EventId = 6103, Level = LogLevel.Warning,
        Message = "Felix's latest policy is not in effect: {Problem}; trying again, the last one stays in force")]
    private partial void LogNotTaken(string problem);

    [LoggerMessage(EventId = 6104, Level = LogLevel.Information, Message = "Felix's latest policy is in effect")]
    private partial void LogResumed();
}
