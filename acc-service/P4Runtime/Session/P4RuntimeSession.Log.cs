using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace ACCOffload.P4Runtime.Session;

public sealed partial class P4RuntimeSession
{
    [LoggerMessage(1, LogLevel.Information, "P4Runtime target {Address}, device {DeviceId}: {Old} -> {New} {Reason}")]
    private partial void LogState(string address, ulong deviceId, SessionState old, SessionState @new, string reason);

    [LoggerMessage(2, LogLevel.Warning, "P4Runtime target {Address} is still away: {Reason}")]
    private partial void LogStillDisconnected(string address, string reason);

    [LoggerMessage(3, LogLevel.Error, "A handler of {Event} failed")]
    private partial void LogHandlerFailed(Exception exception, string @event);

    [LoggerMessage(4, LogLevel.Warning, "The target reports on the stream: {Code}: {Message}")]
    private partial void LogStreamError(StatusCode code, string message);

    [LoggerMessage(5, LogLevel.Debug, "An arbitration answer names election id {Id}, not our {Ours}; ignored")]
    private partial void LogForeignElection(ElectionId id, ElectionId ours);

    [LoggerMessage(6, LogLevel.Warning, "The changed certificates cannot be used yet, the old connection stays: {Reason}")]
    private partial void LogCertificatesUnusable(string reason);

    [LoggerMessage(7, LogLevel.Information, "Pushing pipeline {Pipeline} (cookie 0x{Cookie:x16}; the target has {Found})")]
    private partial void LogPush(string pipeline, ulong cookie, string found);

    [LoggerMessage(8, LogLevel.Warning, "A Write of {Count} updates: {Outcome}, {Failed} failed: {Message}")]
    private partial void LogWriteFailed(int count, WriteOutcome outcome, int failed, string message);
}
