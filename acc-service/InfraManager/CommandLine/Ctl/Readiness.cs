using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.Protos.V1;
using Grpc.Core;
using ConditionNames = ACCOffload.InfraManager.Conditions.ConditionNames;
using ControlClient = ACCOffload.Protos.V1.Control.ControlClient;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>
/// Waits until pods can be attached, the tables are verified, and nothing is pending. Unmet conditions that prevent no ADD, such as the
/// host interface, are not awaited: an update is judged by this, and another image might not meet them either.
/// </summary>
internal static class Readiness
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(10);

    /// <exception cref="CtlException">The criteria were not met in time; the message says which.</exception>
    public static async Task<GetStatusReply> WaitAsync(
        ControlClient client, TimeSpan timeout, bool withoutCluster, TimeProvider time, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            string missing;
            try
            {
                var reply = await client.GetStatusAsync(
                    new GetStatusRequest(), deadline: DateTime.UtcNow + RequestTimeout, cancellationToken: cancellationToken);
                if (FindMissing(reply, withoutCluster) is not { } reason)
                {
                    return reply;
                }

                missing = reason;
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded
                && !cancellationToken.IsCancellationRequested)
            {
                missing = "no response";
            }
            if (time.GetElapsedTime(started) > timeout)
            {
                throw new CtlException($"not ready within {timeout.TotalSeconds:0} s: {missing}; see the log of inframanager");
            }

            await Task.Delay(Interval, time, cancellationToken);
        }
    }

    /// <summary>The first criterion that is not met; null if all are.</summary>
    internal static string? FindMissing(GetStatusReply status, bool withoutCluster = false) =>
        status.Conditions.FirstOrDefault(c => IsAwaited(c, withoutCluster)) is { } condition ? $"{condition.Name}: {condition.Reason}"
        : !status.Reconciled ? $"the tables are not verified (target: {status.TargetState}{Suffix(status.TargetReason)})"
        : status.PendingEntries > 0 ? $"{status.PendingEntries} entries are not in the tables yet"
        : status.StoreProblem.Length > 0 ? $"store: {status.StoreProblem}"
        : null;

    private static string Suffix(string reason) => reason.Length > 0 ? $", {reason}" : "";

    // The API server gives the pod ranges if they are not configured, and the store keeps them. The host may create the port namespace
    // after the ACC has started; missing permissions are a problem of the ACC itself.
    private static bool IsAwaited(Condition condition, bool withoutCluster) =>
        condition.PreventsAdds
        && !(withoutCluster && condition.Name == ConditionNames.Node)
        && !(condition.Name == ConditionNames.Ports && condition.Reason.EndsWith($"({Errno.ENOENT})", StringComparison.Ordinal));
}
