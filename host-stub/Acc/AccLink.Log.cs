using ACCOffload.HostStub.Cni;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Acc;

/// <content>Log messages.</content>
internal sealed partial class AccLink
{
    [LoggerMessage(LogLevel.Information, "Synchronized with the ACC at {Address}: {Kept} kept, {Added} added, {Removed} removed, {Failed} failed")]
    private partial void LogSynced(string address, uint kept, uint added, uint removed, int failed);

    [LoggerMessage(LogLevel.Error, "The ACC could not apply an attachment: {Failure}")]
    private partial void LogSyncFailure(string failure);

    [LoggerMessage(LogLevel.Warning, "The ACC at {Address} is unreachable: {Reason}")]
    private partial void LogUnreachable(string address, string reason);

    [LoggerMessage(LogLevel.Warning, "The ACC is {State}")]
    private partial void LogReadiness(string state);

    [LoggerMessage(LogLevel.Warning, "Detach of {Key} has to wait for the next Sync: {Reason}")]
    private partial void LogDetachFailed(AttachmentKey key, string reason);

    [LoggerMessage(LogLevel.Information, "The ACC gave this agent, {Agent}, the epoch {Epoch}; it holds {Held} attachments of this host")]
    private partial void LogBegan(string agent, ulong epoch, int held);

    [LoggerMessage(LogLevel.Warning, "The epoch {Epoch} is not the ACC's any more ({Reason}): the operator reset the host, the ACC's database was lost, or another agent uses this node's certificate. Beginning anew in {Wait}")]
    private partial void LogEpochLost(ulong epoch, string reason, TimeSpan wait);

    [LoggerMessage(LogLevel.Error, "The certificate files changed but can't be used, the old ones stay: {Reason}")]
    private partial void LogBadCredentials(string reason);

    [LoggerMessage(LogLevel.Error, "Another client with this node's certificate changed the host's endpoint: {Held}. It is stated again; if that client is not yours, replace the certificate and revoke the old one")]
    private partial void LogHostConflict(string held);

    [LoggerMessage(LogLevel.Information, "The certificate files changed: connecting anew")]
    private partial void LogRotation();
}
