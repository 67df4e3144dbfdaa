using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;

namespace ACCOffload.InfraManager.Felix;

/// <summary>
/// What one process of a 24.01 agent forwards from its Felix. In its life an agent reads from one Felix only, so this is one Felix, too.
/// Once a message is lost, nothing more is taken: the agent reads no more either, and what is in force stays so.
/// </summary>
internal sealed partial class AgentSession : IAsyncDisposable
{
    // How often it is looked whether everything has been sent.
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(500);

    // The agent waits for any time. After this, its message counts as lost.
    private static readonly TimeSpan TakeLimit = TimeSpan.FromMinutes(2);

    private readonly FelixIntake _intake;
    private readonly FelixDecoder _decoder = new();
    private readonly AgentSnapshot _snapshot;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _ends = new();
    private readonly SemaphoreSlim _turn = new(1);
    private readonly CancellationToken _ended;
    private volatile string _loss = "";
    private Task _running = Task.CompletedTask;

    /// <param name="submit">Submits an intent to the programmer, and returns what is in force after it.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public AgentSession(Func<FelixIntent, CancellationToken, Task<FelixView>> submit, TimeProvider time, ILogger logger)
    {
        (_time, _logger) = (time, logger);
        _intake = new FelixIntake(submit, time, logger);
        _snapshot = new AgentSnapshot(time);
        _ended = _ends.Token;
    }

    /// <summary>The state. From any thread.</summary>
    public FelixStatus Status => _loss is { Length: > 0 } loss
        ? FelixStatus.None($"a policy message from the agent was lost ({loss}): restart the agent, which starts Felix again")
        : _intake.Status;

    /// <summary>Policy comes from this agent from now on. What is in force stays so until it has sent everything.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task BeginAsync(CancellationToken cancel)
    {
        await _intake.BeginAsync(cancel);
        _running = Task.WhenAll(RunAsync(CompleteAsync), RunAsync(_intake.CheckAsync));
    }

    /// <summary>Takes a message. Returns when the programmer has taken it.</summary>
    /// <param name="field">The field of ToDataplane that Felix sent it in.</param>
    /// <param name="payload">The message.</param>
    /// <param name="cancel">The agent has given up.</param>
    /// <exception cref="FelixStreamException">It is not taken, and no later one will be.</exception>
    public async Task TakeAsync(int field, ReadOnlyMemory<byte> payload, CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(TakeLimit, _time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(cancel, limit.Token, _ended);
        try
        {
            await _turn.WaitAsync(any.Token);
            try
            {
                await TakeAsync(_decoder.DecodePayload(field, payload.Span), any.Token);
            }
            catch (Exception e)
            {
                // Before the turn passes: the next message must not be taken without this one.
                Lose($"message {field} was not taken: {ReasonOf(e, limit.IsCancellationRequested)}");
                throw;
            }
            finally
            {
                _turn.Release();
            }
        }
        catch (OperationCanceledException e)
        {
            var reason = ReasonOf(e, limit.IsCancellationRequested);
            Lose($"message {field} was not taken: {reason}");
            throw new FelixStreamException(reason);
        }
    }

    /// <summary>A message of the agent has not been taken: nothing more is, since the rest without it would be another policy.</summary>
    /// <param name="reason">One line.</param>
    public void Lose(string reason)
    {
        if (!_ended.IsCancellationRequested && Interlocked.CompareExchange(ref _loss, reason, "") == "")
        {
            LogLost(reason);
        }
    }

    /// <summary>Ends it: another agent has started, or the service stops. What is in force stays so.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ends.CancelAsync();
        await _running;
        _ends.Dispose();
    }

    private async Task TakeAsync(FelixMessage message, CancellationToken cancel)
    {
        if (_loss is { Length: > 0 } loss)
        {
            throw new FelixStreamException($"an earlier policy message was lost ({loss}): restart the agent");
        }

        if (message.HasEffect)
        {
            _intake.Arrive();
            await _intake.TakeAsync([message], cancel);
        }

        _snapshot.Note(message);
    }

    private string ReasonOf(Exception exception, bool isLate) =>
        exception is not OperationCanceledException ? ConfigurationError.OneLine(exception.Message)
        : _ended.IsCancellationRequested ? "another agent has started, or the service stops"
        : isLate ? $"not within {TakeLimit.TotalSeconds:0} s"
        : "the agent gave up";

    private async Task RunAsync(Func<CancellationToken, Task> part)
    {
        try
        {
            await part(_ended);
        }
        catch (OperationCanceledException) when (_ended.IsCancellationRequested)
        {
            // Another agent, or the end of the service.
        }
        catch (FelixStreamException e)
        {
            Lose(e.Message);
        }
        catch (Exception e)
        {
            Lose("an internal error; see the log");
            LogFailed(e);
        }
    }

    /// <summary>Says that everything has been sent, when it has.</summary>
    private async Task CompleteAsync(CancellationToken cancel)
    {
        while (true)
        {
            await Task.Delay(Step, _time, cancel);
            await _turn.WaitAsync(cancel);
            try
            {
                if (_loss.Length == 0 && _snapshot.Remaining == TimeSpan.Zero)
                {
                    await _intake.TakeAsync([new FelixInSync()], cancel);
                    return;
                }
            }
            finally
            {
                _turn.Release();
            }
        }
    }

    [LoggerMessage(EventId = 6131, Level = LogLevel.Error,
        Message = "A policy message from the agent was lost ({Reason}); its last policy stays in force. Restart the agent, which starts "
            + "Felix again")]
    private partial void LogLost(string reason);

    [LoggerMessage(EventId = 6132, Level = LogLevel.Error,
        Message = "Taking policy from the agent has failed; its last policy stays in force")]
    private partial void LogFailed(Exception exception);
}
