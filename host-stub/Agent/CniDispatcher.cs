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

/// <summary>Turns a request into one operation under its attachment's lock, and the outcome into what the plugin prints.</summary>
internal sealed partial class CniDispatcher
{
    // A DEL waits for its ADD, including what a failed ADD still undoes.
    private static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(30);

    private const int LongestText = 300;

    // Requests under way at once, and those of one network.
    private const int MostRequests = 512;
    private const int MostOfNetwork = 256;

    private readonly AgentServices _services;
    private readonly PendingRemovals _pending;
    private readonly NetworkSlots _slots = new(MostRequests, MostOfNetwork);
    private readonly LineBudget _lines = new(TimeProvider.System);
    private readonly ILogger _logger;
    private readonly AddOperation _add;
    private readonly DelOperation _del;
    private readonly CheckOperation _check;
    private readonly GcOperation _gc;
    private readonly StatusOperation _status;

    public CniDispatcher(AgentServices services, Remover remover, Reconciler reconciler, AgentConditions conditions, PendingRemovals pending)
    {
        _services = services;
        _pending = pending;
        _logger = services.Loggers.CreateLogger(LogFeature.Cni);
        _add = new AddOperation(services, remover, reconciler);
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
        var isDone = false;
        try
        {
            // First, so that whatever else is wrong is told in the request's own version.
            version = (command == "DEL" ? CniNetworkHeader.ReadForRemoval(request.Stdin.Span) : CniNetworkHeader.Read(request.Stdin.Span)).Version;
            call = CniCall.Read(request);
            var output = await WithinLimitAsync(call);
            isDone = true;
            LogDone(command, call.Key, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            return new AgentResponse(0, output, Encoding.UTF8.GetBytes(call.ErrorText));
        }
        catch (CniException e)
        {
            Refused(command, call, e);
            return Failure(version, e.Code, e.Message, e.Details, call) with { ExitCode = e.NotTaken ? AgentResponse.NotTaken : (byte)1 };
        }
        catch (Exception e)
        {
            Broken(command, call, e);
            return Failure(version, (int)CniErrorCode.Internal, $"{command} failed", e.Message, call);
        }
        finally
        {
            AgentInstruments.Answered(command, isDone, started);
        }
    }

    // Answered in time whatever happens. What takes longer goes on, and keeps its attachment's lock.
    private async Task<byte[]> WithinLimitAsync(CniCall call)
    {
        if (call.IsVoid)
        {
            return [];
        }

        var command = call.Environment.Command;
        // A network's STATUS must not hang on its other requests.
        var slot = command == "STATUS" ? null : _slots.TryEnter(call.Config.Name) ?? throw Crowded(call.Config.Name);
        var work = RunAsync(call, slot);
        var limit = RequestLimits.OfAgent(command);
        try
        {
            return await work.WaitAsync(limit);
        }
        catch (TimeoutException) when (!work.IsCompleted)
        {
            _ = work.ContinueWith(w => LogLate(command, call.Key, w.Exception?.InnerException?.Message ?? "done"), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            throw new CniException(CniErrorCode.TryAgainLater, $"{command} of {call.Key} takes longer than {limit.TotalSeconds:0} s", "it goes on in the agent; the log says how it ends") { NotTaken = command == "DEL" };
        }
    }

    private CniException Crowded(string network)
    {
        var message = $"the network {network} has {_slots.RunningOf(network)} requests under way, try again later";
        return new CniException(CniErrorCode.TryAgainLater, message, $"the agent does {MostOfNetwork} of one network and {MostRequests} of all at once") { NotTaken = true };
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
                return await LockedAsync(call, () => NothingAsync(_check.RunAsync(call)));
            case "GC":
                return await NothingAsync(_gc.RunAsync(call));
            case "STATUS":
                return await NothingAsync(_status.RunAsync(call));
            default:
                return CniErrorJson.Versions(call.Config.Version.Text());
        }
    }

    // A removal that waits for its turn is of an earlier attachment under the same names: done now, it can't hit this one.
    private async Task<CniResult> AddAsync(CniCall call)
    {
        await _pending.DoNowAsync(call.Key);
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
            ?? throw new CniException(CniErrorCode.TryAgainLater, $"another request for {call.Key} is still running") { NotTaken = true };
        return await operation();
    }

    private static async Task<byte[]> NothingAsync(Task operation)
    {
        await operation;
        return [];
    }

    private static AgentResponse Failure(string version, int code, string message, string details, CniCall? call) =>
        new(1, CniErrorJson.Error(version, code, message, details), Encoding.UTF8.GetBytes(call?.ErrorText ?? ""));

    [LoggerMessage(LogLevel.Debug, "{Command} of {Key} took {Milliseconds:0.0} ms")]
    private partial void LogDone(string command, ACCOffload.HostStub.Cni.AttachmentKey key, double milliseconds);

    /// <summary>By network and error: who may write a network's configuration can't fill the journal, nor deface it.</summary>
    private void Refused(string command, CniCall? call, CniException e)
    {
        var (shown, key, reason) = (ConfigurationError.OneLine(command), ConfigurationError.OneLine(call?.Key.ToString() ?? "", LongestText), ConfigurationError.OneLine(e.OneLine, LongestText));
        var verdict = _lines.Decide(call?.Key.Network ?? "", $"{(call is null ? "" : command)} {e.Code}", $"{key} {reason}");
        if (verdict.Dropped > 0)
        {
            LogUntold(verdict.Dropped);
        }

        if (verdict.Fate == LineFate.Last)
        {
            LogFull(LineBudget.MaxLines, LineBudget.Window.TotalMinutes);
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

    /// <summary>Our own fault: with its stack trace, unless the same one was told a moment ago.</summary>
    private void Broken(string command, CniCall? call, Exception e)
    {
        if (_lines.Decide("", e.GetType().ToString(), call is null ? "" : command) is { Fate: LineFate.Written, Suppressed: 0 })
        {
            LogBroken(e, ConfigurationError.OneLine(command), ConfigurationError.OneLine(call?.Key.ToString() ?? "", LongestText));
        }
    }
    [LoggerMessage(LogLevel.Warning, "{Command} of {Key}, which took longer than its limit, ended: {Outcome}")]
    private partial void LogLate(string command, ACCOffload.HostStub.Cni.AttachmentKey key, string outcome);

    [LoggerMessage(LogLevel.Warning, "{Command} {Key} answered with error {Code}: {Reason}")]
    private partial void LogRefused(string command, string key, int code, string reason);

    [LoggerMessage(LogLevel.Warning, "{Command} {Key} answered with error {Code}: {Reason} ({Times} more in the last minutes that were not logged)")]
    private partial void LogRefusedAgain(string command, string key, int code, string reason, long times);

    [LoggerMessage(LogLevel.Warning, "{Most} refusals were logged within {Minutes} minutes; further ones are counted only")]
    private partial void LogFull(int most, double minutes);

    [LoggerMessage(LogLevel.Warning, "{Count} lines about refusals were not logged")]
    private partial void LogUntold(long count);

    [LoggerMessage(LogLevel.Error, "{Command} {Key} failed")]
    private partial void LogBroken(Exception e, string command, string key);
}
