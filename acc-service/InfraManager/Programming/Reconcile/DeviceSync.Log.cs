using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming.Reconcile;

internal sealed partial class DeviceSync
{
    [LoggerMessage(Level = LogLevel.Warning,
        Message = "the outcome of a request to the target is unknown: {Reason}; reading its tables back")]
    private partial void LogLost(string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "the target's tables were read back {Elapsed} after a lost reply")]
    private partial void LogRecovered(TimeSpan elapsed);

    [LoggerMessage(Level = LogLevel.Information,
        Message = "reconciled: {Inserted} entries inserted, {Modified} modified, {Deleted} deleted; {Total} desired, {Pending} still "
            + "different")]
    private partial void LogReconciled(long inserted, long modified, long deleted, long total, int pending);

    [LoggerMessage(Level = LogLevel.Warning, Message = "reconciliation failed: {Reason}; retrying")]
    private partial void LogReconcileFailed(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Owner} is not completely programmed: {Reason}; retrying")]
    private partial void LogIncomplete(OwnerId owner, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the target refused: {Reason}")]
    private partial void LogRefused(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the target refused more entries of the same batch")]
    private partial void LogMoreRefused();

    [LoggerMessage(Level = LogLevel.Warning, Message = "the target refused port {Port}: {Reason}")]
    private partial void LogPortRefused(string port, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "port {Port} could not be removed from the target: {Reason}; retrying")]
    private partial void LogPortRemovalFailed(string port, string reason);
}
