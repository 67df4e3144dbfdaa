using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Felix;

/// <summary>
/// Felix behind the node's 24.01 agent. The agent says nothing about Felix's connection, but it sets up the host's interface once, when its
/// process starts and before it listens to Felix: a new one begins there.
/// </summary>
/// <param name="programmer">Enforces the policy.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed partial class AgentFelix(IProgrammer programmer, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    // Only a stuck programmer exceeds it.
    private static readonly TimeSpan BeginLimit = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _turn = new(1);
    private volatile AgentSession? _session;
    private bool _isDisposed;

    /// <summary>What comes from the agent that runs now; null if none has started since the service did.</summary>
    public AgentSession? Session => _session;

    /// <summary>The state. From any thread.</summary>
    public FelixStatus Status => _session?.Status ?? FelixStatus.None(
        "the agent has not started since inframanager did: restart the agent, which starts Felix again");

    /// <summary>An agent has started. What is in force stays so until it has sent everything.</summary>
    /// <exception cref="IntentException">UNAVAILABLE: the programmer does not respond.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task BeginAsync(CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(BeginLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, limit.Token);
        try
        {
            await ReplaceAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw IntentException.Unavailable(
                $"the agent's policy cannot be taken: the programmer has not responded within {BeginLimit.TotalSeconds:0} s");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync();
        try
        {
            _isDisposed = true;
            if (_session is { } last)
            {
                await last.DisposeAsync();
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task ReplaceAsync(CancellationToken cancel)
    {
        await _turn.WaitAsync(cancel);
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_session is { } former)
            {
                await former.DisposeAsync();
            }

            var next = new AgentSession(programmer.SubmitAsync, time, logger);
            _session = next;
            await next.BeginAsync(cancel);
            LogBegan();
        }
        finally
        {
            _turn.Release();
        }
    }

    [LoggerMessage(EventId = 6141, Level = LogLevel.Information, Message = "An agent has started, which sends Felix's policy anew")]
    private partial void LogBegan();
}
