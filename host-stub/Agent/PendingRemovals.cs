using System.Buffers.Binary;
using System.Collections.Concurrent;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Logging;
using ACCOffload.HostStub.Operations;
using ACCOffload.HostStub.Wire;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Agent;

/// <summary>
/// Does the DELs that the plugin kept while the agent was away: a file each, removed when the removal is durable. A later ADD of the same attachment does
/// its file first, so that no old DEL undoes it.
/// </summary>
/// <param name="services">The agent's.</param>
/// <param name="del">Does a removal.</param>
/// <param name="directories">Where removals may wait: the agent's own directory first, then where a plugin keeps them that was told of no other.</param>
internal sealed partial class PendingRemovals(AgentServices services, DelOperation del, IReadOnlyList<string> directories)
{
    private const int AtOnce = 4;
    private const int MostRejected = 16;
    private const string Rejected = ".rejected-";
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan UnfinishedFor = TimeSpan.FromMinutes(10);

    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Cni);
    private readonly ConcurrentDictionary<string, Attempt> _failed = new();
    private readonly Dictionary<string, string> _problems = [];

    /// <summary>Makes the agent's own directory, so that it has the right owner before the plugin needs it.</summary>
    public void Prepare()
    {
        try
        {
            Directory.CreateDirectory(directories[0], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The plugin makes it when it needs it.
            Tell(directories[0], e.Message);
        }
    }

    /// <summary>Looks until it is stopped.</summary>
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

                await Task.Delay(LookEvery, services.Time, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <summary>Does the attachment's removal, if one waits. The caller holds the attachment's lock and is about to add it.</summary>
    /// <exception cref="CniException">Error 11: it could not be done.</exception>
    public async Task DoNowAsync(AttachmentKey key)
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
                throw new CniException(CniErrorCode.TryAgainLater, $"an earlier DEL of {key} waits and can't be done yet, so it can't be added again", e.OneLine);
            }
        }
    }

    /// <summary>The attachment was removed: nothing waits for it any more.</summary>
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
                // Done once more by the next look, to no effect. Without the directory there is nothing.
            }
        }
    }

    private IEnumerable<string> FilesOf(AttachmentKey key)
    {
        var name = PendingName.For(key.Network, key.ContainerId, key.InterfaceName);
        return directories.Select(d => Path.Combine(d, name));
    }

    private async Task LookAsync(string directory, CancellationToken stop)
    {
        string[] due;
        try
        {
            due = [.. Directory.EnumerateFiles(directory).Where(IsDue).Take(PendingName.MostFiles)];
            _problems.Remove(directory);
        }
        catch (DirectoryNotFoundException)
        {
            return;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Tell(directory, e.Message);
            return;
        }
        await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stop }, async (file, _) => await TryAsync(file))
            ;
    }

    private bool IsDue(string file)
    {
        var name = Path.GetFileName(file);
        if (name.StartsWith(PendingName.Unfinished, StringComparison.Ordinal))
        {
            // Its plugin died.
            if (DateTime.UtcNow - File.GetLastWriteTimeUtc(file) > UnfinishedFor)
            {
                File.Delete(file);
            }

            return false;
        }
        return name[0] != '.' && (!_failed.TryGetValue(file, out var attempt) || services.Time.GetElapsedTime(attempt.At) >= attempt.Pause);
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
            // Whoever had the lock may have done it.
            if (!File.Exists(file))
            {
                _failed.TryRemove(file, out _);
                return;
            }
            await RemoveAsync(call, file);
        }
        catch (Exception e)
        {
            var reason = e is CniException cni ? cni.OneLine : e.Message;
            var before = _failed.GetValueOrDefault(file);
            var pause = before is null ? LookEvery : before.Pause * 2 < LongestPause ? before.Pause * 2 : LongestPause;
            _failed[file] = new Attempt(services.Time.GetTimestamp(), pause, reason);
            if (before?.Reason != reason)
            {
                LogFailed(Path.GetFileName(file), reason);
            }
        }
    }

    private async Task RemoveAsync(CniCall call, string file)
    {
        if (!call.IsVoid)
        {
            await del.RunAsync(call);
        }
        // The file is the only durable trace of the DEL until the store has one.
        if (!await services.Claims.CatchUpAsync())
        {
            throw new CniException(CniErrorCode.IoFailure, $"{call.Key} is removed, which can't be written to {services.Config.Store} yet");
        }

        File.Delete(file);
        _failed.TryRemove(file, out _);
        LogDone(call.Key);
    }

    // Null: it was no request, and is out of the way.
    private CniCall? Read(string file)
    {
        try
        {
            if (new FileInfo(file) is { LinkTarget: not null } or { Length: < AgentRequest.LengthPrefix or > AgentRequest.LengthPrefix + AgentRequest.MaxBody })
            {
                throw new FrameException("it is a link, empty or too large");
            }

            var frame = File.ReadAllBytes(file);
            if (BinaryPrimitives.ReadInt32BigEndian(frame) != frame.Length - AgentRequest.LengthPrefix)
            {
                throw new FrameException("it is cut short");
            }

            var request = AgentRequest.Decode(frame.AsSpan(AgentRequest.LengthPrefix));
            if (request.Kind != AgentRequestKind.Cni || request.Environment.GetValueOrDefault("CNI_COMMAND") != "DEL")
            {
                throw new FrameException("it is not a DEL");
            }

            var call = CniCall.Read(request);
            return FilesOf(call.Key).Contains(file) ? call : throw new FrameException("its name is not its attachment's");
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
        if (Directory.EnumerateFiles(directory, $"{Rejected}*").Count() >= MostRejected)
        {
            File.Delete(file);
        }
        else
        {
            File.Move(file, Path.Combine(directory, $"{Rejected}{Guid.NewGuid():N}"));
        }
    }

    private void Tell(string directory, string problem)
    {
        if (_problems.GetValueOrDefault(directory) == problem)
        {
            return;
        }

        _problems[directory] = problem;
        LogUnreadable(directory, problem);
    }

    private sealed record Attempt(long At, TimeSpan Pause, string Reason);

    [LoggerMessage(LogLevel.Information, "Removed {Key}, whose DEL came while the agent was away")]
    private partial void LogDone(AttachmentKey key);

    [LoggerMessage(LogLevel.Warning, "The DEL {Name}, kept while the agent was away, can't be done yet, trying again: {Reason}")]
    private partial void LogFailed(string name, string reason);

    [LoggerMessage(LogLevel.Error, "{Name} among the DELs that were kept is none, and is set aside: {Reason}")]
    private partial void LogRejected(string name, string reason);

    [LoggerMessage(LogLevel.Error, "The DELs kept in {Directory} can't be read: {Reason}")]
    private partial void LogUnreadable(string directory, string reason);
}
