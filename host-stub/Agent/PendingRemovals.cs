using System.Buffers.Binary;
using System.Collections.Concurrent;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Logging;
using ACCOffload.HostStub.Operations;
using ACCOffload.HostStub.Wire;
using ACCOffload.Retries;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Agent;

/// <summary>
/// Executes the DELs that the plugin stored while the agent was not running. Each is a file, which is deleted when the removal is on disk.
/// A later ADD of the same attachment executes its file first, so that the old DEL can't undo it.
/// </summary>
/// <param name="services">The agent's services.</param>
/// <param name="del">Executes a removal.</param>
/// <param name="directories">Directories with stored DELs: the agent's own first, then the plugin's default.</param>
internal sealed partial class PendingRemovals(AgentServices services, DelOperation del, IReadOnlyList<string> directories)
{
    private const int Parallelism = 4;
    private const int MaxRejected = 16;
    private const string RejectedPrefix = ".rejected-";
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan UnfinishedLimit = TimeSpan.FromMinutes(10);

    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Cni);
    private readonly ConcurrentDictionary<string, Attempt> _failed = new();
    private readonly Dictionary<string, string> _problems = [];

    /// <summary>Creates the agent's directory, so that it has the right owner before the plugin needs it.</summary>
    public void Prepare()
    {
        try
        {
            Directory.CreateDirectory(directories[0], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The plugin creates the directory when it needs it.
            Report(directories[0], e.Message);
        }
    }

    /// <summary>Executes stored DELs until it is stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                foreach (var directory in directories)
                {
                    await LookAsync(directory, stop);
                }

                await Task.Delay(Interval, services.Time, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <summary>
    /// Executes the attachment's stored DEL, if there is one. The caller holds the attachment's lock and is about to add it.
    /// </summary>
    /// <exception cref="CniException">Error 11: it could not be executed.</exception>
    public async Task ExecuteNowAsync(AttachmentKey key)
    {
        foreach (var file in FilesOf(key))
        {
            if (!File.Exists(file) || Read(file) is not { } call)
            {
                continue;
            }

            try
            {
                await RemoveAsync(call, file);
            }
            catch (CniException e)
            {
                throw new CniException(
                    CniErrorCode.TryAgainLater, $"an earlier DEL of {key} can't be executed yet, so it can't be added again", e.OneLine);
            }
        }
    }

    /// <summary>Deletes the stored DEL of an attachment that was removed.</summary>
    public void Forget(AttachmentKey key)
    {
        foreach (var file in FilesOf(key))
        {
            _failed.TryRemove(file, out _);
            try
            {
                File.Delete(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // A remaining file is executed again in the next round, without effect. If the directory is missing, there is no file.
            }
        }
    }

    private IEnumerable<string> FilesOf(AttachmentKey key)
    {
        var name = PendingFiles.NameOf(key.Network, key.ContainerId, key.InterfaceName);
        return directories.Select(d => Path.Combine(d, name));
    }

    private async Task LookAsync(string directory, CancellationToken stop)
    {
        string[] due;
        try
        {
            due = [.. Directory.EnumerateFiles(directory).Where(IsDue).Take(PendingFiles.MaxFiles)];
            _problems.Remove(directory);
        }
        catch (DirectoryNotFoundException)
        {
            return;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Report(directory, e.Message);
            return;
        }
        await Parallel.ForEachAsync(
            due,
            new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = stop },
            async (file, _) => await TryAsync(file));
    }

    private bool IsDue(string file)
    {
        var name = Path.GetFileName(file);
        if (name.StartsWith(PendingFiles.UnfinishedPrefix, StringComparison.Ordinal))
        {
            // Its plugin was killed.
            if (DateTime.UtcNow - File.GetLastWriteTimeUtc(file) > UnfinishedLimit)
            {
                File.Delete(file);
            }

            return false;
        }
        return name[0] != '.' && (!_failed.TryGetValue(file, out var attempt) || attempt.Timer.IsDue);
    }

    private async Task TryAsync(string file)
    {
        try
        {
            if (Read(file) is not { } call)
            {
                return;
            }

            using var holder = await services.Locks.AcquireAsync(call.Key, LockLimit)
                ?? throw new CniException(CniErrorCode.TryAgainLater, $"another request for {call.Key} is still running");
            // The previous holder of the lock may have executed it.
            if (!File.Exists(file))
            {
                _failed.TryRemove(file, out _);
                return;
            }
            await RemoveAsync(call, file);
        }
        catch (Exception e)
        {
            var reason = CniException.ReasonOf(e);
            var attempt = _failed.GetOrAdd(file, _ => new Attempt(new RetryTimer(services.Time, Interval, MaxPause)));
            attempt.Timer.Failed();
            if (attempt.Reason != reason)
            {
                attempt.Reason = reason;
                LogFailed(Path.GetFileName(file), reason);
            }
        }
    }

    private async Task RemoveAsync(CniCall call, string file)
    {
        if (!call.HasNothingToRemove)
        {
            await del.RunAsync(call);
        }
        // Until the store has recorded the DEL, the file is the only record on disk.
        if (!await services.Claims.CatchUpAsync())
        {
            throw new CniException(
                CniErrorCode.IoFailure, $"{call.Key} is removed, but this can't be written to {services.Config.Store} yet");
        }

        File.Delete(file);
        _failed.TryRemove(file, out _);
        LogDone(call.Key);
    }

    // Null when the file is gone, or is not a valid request and was set aside or deleted.
    private CniCall? Read(string file)
    {
        try
        {
            const int MaxLength = AgentRequest.LengthPrefix + AgentRequest.MaxBody;
            if (new FileInfo(file) is { LinkTarget: not null } or { Length: < AgentRequest.LengthPrefix or > MaxLength })
            {
                throw new FrameException("it is a link, empty or too large");
            }

            var frame = File.ReadAllBytes(file);
            if (BinaryPrimitives.ReadInt32BigEndian(frame) != frame.Length - AgentRequest.LengthPrefix)
            {
                throw new FrameException("it is truncated");
            }

            var request = AgentRequest.Decode(frame.AsSpan(AgentRequest.LengthPrefix));
            if (request.Kind != AgentRequestKind.Cni || request.Environment.GetValueOrDefault("CNI_COMMAND") != "DEL")
            {
                throw new FrameException("it is not a DEL");
            }

            var call = CniCall.Read(request);
            return FilesOf(call.Key).Contains(file) ? call : throw new FrameException("its name does not match its attachment");
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is FrameException or CniException)
        {
            Reject(file, e.Message);
            return null;
        }
    }

    private void Reject(string file, string reason)
    {
        var directory = Path.GetDirectoryName(file)!;
        _failed.TryRemove(file, out _);
        LogRejected(Path.GetFileName(file), reason);
        if (Directory.EnumerateFiles(directory, $"{RejectedPrefix}*").Count() >= MaxRejected)
        {
            File.Delete(file);
        }
        else
        {
            File.Move(file, Path.Combine(directory, $"{RejectedPrefix}{Guid.NewGuid():N}"));
        }
    }

    private void Report(string directory, string problem)
    {
        if (_problems.GetValueOrDefault(directory) == problem)
        {
            return;
        }

        _problems[directory] = problem;
        LogUnreadable(directory, problem);
    }

    private sealed class Attempt(RetryTimer timer)
    {
        public RetryTimer Timer => timer;

        public string? Reason { get; set; }
    }

    [LoggerMessage(LogLevel.Information, "Removed {Key}, whose DEL came while the agent was not running")]
    private partial void LogDone(AttachmentKey key);

    [LoggerMessage(LogLevel.Warning, "The stored DEL {Name} can't be executed yet, trying again: {Reason}")]
    private partial void LogFailed(string name, string reason);

    [LoggerMessage(LogLevel.Error, "The stored DEL {Name} is not valid and is set aside: {Reason}")]
    private partial void LogRejected(string name, string reason);

    [LoggerMessage(LogLevel.Error, "The stored DELs in {Directory} can't be read: {Reason}")]
    private partial void LogUnreadable(string directory, string reason);
}
