using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.Retries;

namespace ACCOffload.InfraManager.Programming;

/// <summary>
/// Submits what a watch has found to the programmer, in a loop that a signal wakes. Failures are retried with a back-off, and the reason
/// is kept until everything is in effect. For one loop.
/// </summary>
/// <param name="programmer">Executes the intents.</param>
/// <param name="backoff">How long to wait after failures.</param>
/// <param name="time">The clock.</param>
/// <param name="failed">Logs a new reason.</param>
/// <param name="resumed">Logs that everything is in effect again.</param>
internal sealed class IntentSubmitter(
    IProgrammer programmer, Backoff backoff, TimeProvider time, Action<string> failed, Action resumed)
{
    /// <summary>The limit of one intent. Longer than the programmer's own timeouts, so that only a stuck programmer exceeds it.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromMinutes(1);

    private volatile string _problem = "";

    /// <summary>Why the latest state is not in effect; empty if it is.</summary>
    public string Problem => _problem;

    /// <summary>The reason to give when <see cref="Timeout"/> has passed.</summary>
    public static string NoResponse => $"no response within {Timeout.TotalSeconds:0} s";

    /// <summary>Runs until cancelled.</summary>
    /// <param name="signal">Wakes the loop.</param>
    /// <param name="submit">Submits what is pending; returns whether all of it is in effect.</param>
    /// <param name="cancellationToken">Ends the loop.</param>
    public async Task RunAsync(ChangeSignal signal, Func<CancellationToken, Task<bool>> submit, CancellationToken cancellationToken)
    {
        try
        {
            var retry = System.Threading.Timeout.InfiniteTimeSpan;
            while (true)
            {
                await signal.WaitAsync(retry, time, cancellationToken);
                if (!await submit(cancellationToken))
                {
                    retry = backoff.Next();
                    continue;
                }

                retry = System.Threading.Timeout.InfiniteTimeSpan;
                backoff.Reset();
                if (_problem.Length > 0)
                {
                    resumed();
                }

                _problem = "";
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
    }

    /// <summary>Submits one intent.</summary>
    /// <returns>Null if it was refused or not answered in time; <see cref="Problem"/> then says why.</returns>
    public async Task<TOutcome?> TrySubmitAsync<TOutcome>(Intent<TOutcome> intent, CancellationToken cancellationToken)
        where TOutcome : class
    {
        using var limit = new CancellationTokenSource(Timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        string problem;
        try
        {
            return await programmer.SubmitAsync(intent, either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            problem = NoResponse;
        }
        catch (IntentException e)
        {
            problem = e.Message;
        }

        if (_problem != problem)
        {
            failed(problem);
        }

        _problem = problem;
        return null;
    }
}
