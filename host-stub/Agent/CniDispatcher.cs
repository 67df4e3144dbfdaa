using System.Diagnostics;
using System.Text;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Ipam;
using ACCOffload.HostStub.Logging;
using ACCOffload.HostStub.Operations;
using ACCOffload.HostStub.Reconcile;
using ACCOffload.HostStub.Wire;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Agent;

/// <summary>Runs the operation of a request under its attachment's lock, and turns the outcome into the plugin's output.</summary>
internal sealed partial class CniDispatcher
{
    // A DEL waits for its ADD, and for the undo of a failed ADD.
    private static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(30);

    private const int MaxText = 300;

    // Concurrent requests, in total and for each network.
    private const int MaxRequests = 512;
    private const int MaxPerNetwork = 256;

    private readonly AgentServices _services;
    private readonly PendingRemovals _pending;
    private readonly NetworkSlots _slots = new(MaxRequests, MaxPerNetwork);
    private readonly LineBudget _lines = new(TimeProvider.System);
    private readonly ILogger _logger;
    private readonly AddOperation _add;
    private readonly DelOperation _del;
    private readonly CheckOperation _check;
    private readonly GcOperation _gc;
    private readonly StatusOperation _status;

    public CniDispatcher(
        AgentServices services, Remover remover, Reconciler reconciler, HostInterface host, AgentConditions conditions,
        PendingRemovals pending)
    {
        _services = services;
        _pending = pending;
        _logger = services.Loggers.CreateLogger(LogFeature.Cni);
        _add = new AddOperation(services, remover, reconciler, host);
        _del = new DelOperation(services, remover);
        _check = new CheckOperation(services);
        _gc = new GcOperation(services, remover);
        _status = new StatusOperation(services, conditions);
    }

    public async Task<AgentResponse> RunAsync(AgentRequest request)
    {
        var started = Stopwatch.GetTimestamp();
        string version = "", command = request.Environment.GetValueOrDefault("CNI_COMMAND", "");
        CniCall? call = null;
        var succeeded = false;
        try
        {
            // Read the header first: errors must be reported in the request's version.
            var header = command == "DEL" ? CniNetworkHeader.ReadForRemoval(request.Stdin.Span) : CniNetworkHeader.Read(request.Stdin.Span);
            version = header.Version;
            call = CniCall.Read(request);
            var output = await WithinLimitAsync(call);
            succeeded = true;
            LogDone(command, call.Key, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            return new AgentResponse(0, output, Encoding.UTF8.GetBytes(call.ErrorText));
        }
        catch (CniException e)
        {
            LogRefusal(command, call, e);
            return Failure(version, e.Code, e.Message, e.Details, call) with
            {
                ExitCode = e.NotStarted ? AgentResponse.NotStarted : (byte)1,
            };
        }
        catch (Exception e)
        {
            LogInternalError(command, call, e);
            return Failure(version, (int)CniErrorCode.Internal, $"{command} failed", e.Message, call);
        }
        finally
        {
            AgentInstruments.RecordRequest(command, succeeded, started);
        }
    }

    // Always answers in time. Work that takes longer continues and holds its attachment's lock.
    private async Task<byte[]> WithinLimitAsync(CniCall call)
    {
        if (call.HasNothingToRemove)
        {
            return [];
        }

        var command = call.Environment.Command;
        // STATUS takes no slot: it must not be refused because its network has many other requests.
        var slot = command == "STATUS" ? null : _slots.TryEnter(call.Config.Name) ?? throw TooManyRequests(call.Config.Name);
        var work = RunAsync(call, slot);
        var limit = RequestLimits.OfAgent(command);
        try
        {
            return await work.WaitAsync(limit);
        }
        catch (TimeoutException) when (!work.IsCompleted)
        {
            _ = work.ContinueWith(
                w => LogLate(command, call.Key, w.Exception?.InnerException?.Message ?? "done"),
                CancellationToken.None,
                TaskContinuationOptions.None,
                TaskScheduler.Default);
            throw new CniException(
                CniErrorCode.TryAgainLater,
                $"{command} of {call.Key} takes longer than {limit.TotalSeconds:0} s",
                "it continues in the agent, which logs the outcome")
            {
                NotStarted = command == "DEL",
            };
        }
    }

    private CniException TooManyRequests(string network)
    {
        var message = $"the network {network} has {_slots.RunningOf(network)} requests in progress, try again later";
        return new CniException(
            CniErrorCode.TryAgainLater, message, $"the limits are {MaxPerNetwork} for one network and {MaxRequests} for all")
        {
            NotStarted = true,
        };
    }

    private async Task<byte[]> RunAsync(CniCall call, IDisposable? slot)
    {
        using (slot)
        {
            return await RunAsync(call);
        }
    }

    private async Task<byte[]> RunAsync(CniCall call)
    {
        switch (call.Environment.Command)
        {
            case "ADD":
                return CniResultWriter.Write(await LockedAsync(call, () => AddAsync(call)), call.Config.Version);
            case "DEL":
                return await LockedAsync(call, () => DeleteAsync(call));
            case "CHECK":
                return await LockedAsync(call, () => WithoutOutputAsync(_check.RunAsync(call)));
            case "GC":
                return await WithoutOutputAsync(_gc.RunAsync(call));
            case "STATUS":
                return await WithoutOutputAsync(_status.RunAsync(call));
            default:
                return CniErrorJson.Versions(call.Config.Version.Text());
        }
    }

    // A pending removal belongs to an earlier attachment of the same name. Execute it before the ADD, so that it can't remove the new one.
    private async Task<CniResult> AddAsync(CniCall call)
    {
        await _pending.ExecuteNowAsync(call.Key);
        return await _add.RunAsync(call);
    }

    private async Task<byte[]> DeleteAsync(CniCall call)
    {
        await _del.RunAsync(call);
        _pending.Forget(call.Key);
        return [];
    }

    private async Task<T> LockedAsync<T>(CniCall call, Func<Task<T>> operation)
    {
        using var holder = await _services.Locks.AcquireAsync(call.Key, LockLimit)
            ?? throw new CniException(CniErrorCode.TryAgainLater, $"another request for {call.Key} is still running") { NotStarted = true };
        return await operation();
    }

    private static async Task<byte[]> WithoutOutputAsync(Task operation)
    {
        await operation;
        return [];
    }

    private static AgentResponse Failure(string version, int code, string message, string details, CniCall? call) =>
        new(1, CniErrorJson.Error(version, code, message, details), Encoding.UTF8.GetBytes(call?.ErrorText ?? ""));

    [LoggerMessage(LogLevel.Debug, "{Command} of {Key} took {Milliseconds:0.0} ms")]
    private partial void LogDone(string command, AttachmentKey key, double milliseconds);

    /// <summary>
    /// Limits the lines by network and error, so that the author of a network configuration can't flood the journal. Escapes what is shown.
    /// </summary>
    private void LogRefusal(string command, CniCall? call, CniException e)
    {
        var shown = ConfigurationError.OneLine(command);
        var key = ConfigurationError.OneLine(call?.Key.ToString() ?? "", MaxText);
        var reason = ConfigurationError.OneLine(e.OneLine, MaxText);
        var verdict = _lines.Decide(call?.Key.Network ?? "", $"{(call is null ? "" : command)} {e.Code}", $"{key} {reason}");
        if (verdict.Dropped > 0)
        {
            LogUnlogged(verdict.Dropped);
        }

        if (verdict.Fate == LineFate.Last)
        {
            LogLimitReached(LineBudget.MaxLines, LineBudget.Window.TotalMinutes);
        }
        else if (verdict.Fate == LineFate.Written && verdict.Suppressed == 0)
        {
            LogRefused(shown, key, e.Code, reason);
        }
        else if (verdict.Fate == LineFate.Written)
        {
            LogRefusedAgain(shown, key, e.Code, reason, verdict.Suppressed);
        }
    }

    /// <summary>Logs an internal error with its stack trace, unless the same one was logged a moment ago.</summary>
    private void LogInternalError(string command, CniCall? call, Exception e)
    {
        if (_lines.Decide("", e.GetType().ToString(), call is null ? "" : command) is { Fate: LineFate.Written, Suppressed: 0 })
        {
            LogFailed(e, ConfigurationError.OneLine(command), ConfigurationError.OneLine(call?.Key.ToString() ?? "", MaxText));
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Command} of {Key}, which exceeded its time limit, ended: {Outcome}")]
    private partial void LogLate(string command, AttachmentKey key, string outcome);

    [LoggerMessage(LogLevel.Warning, "{Command} {Key} answered with error {Code}: {Reason}")]
    private partial void LogRefused(string command, string key, int code, string reason);

    [LoggerMessage(
        LogLevel.Warning, "{Command} {Key} answered with error {Code}: {Reason} ({Times} more in the last few minutes were not logged)")]
    private partial void LogRefusedAgain(string command, string key, int code, string reason, long times);

    [LoggerMessage(LogLevel.Warning, "{Max} refusals were logged within {Minutes} minutes; further ones are only counted")]
    private partial void LogLimitReached(int max, double minutes);

    [LoggerMessage(LogLevel.Warning, "{Count} lines about refusals were not logged")]
    private partial void LogUnlogged(long count);

    [LoggerMessage(LogLevel.Error, "{Command} {Key} failed")]
    private partial void LogFailed(Exception e, string command, string key);
}
