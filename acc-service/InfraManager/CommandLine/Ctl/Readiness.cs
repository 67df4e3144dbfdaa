using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.Protos.V1;
using Grpc.Core;
using ConditionNames = ACCOffload.InfraManager.Conditions.ConditionNames;
using ControlClient = ACCOffload.Protos.V1.Control.ControlClient;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>
/// Waits for what an update is judged by: attachments can be made, tables verified, nothing pending. Conditions that depend on others, such
/// as the host or the cluster, are not waited for: another image would not have them either.
/// </summary>
internal static class Readiness
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Answer = TimeSpan.FromSeconds(10);

    /// <exception cref="CtlException">It was not so within <paramref name="limit"/>; the message says what was missing.</exception>
    public static async Task<GetStatusReply> WaitAsync(ControlClient client, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            string missing;
            try
            {
                var reply = await client.GetStatusAsync(new GetStatusRequest(), deadline: DateTime.UtcNow + Answer, cancellationToken: cancellationToken);
                if (Missing(reply) is not { } reason)
                {
                    return reply;
                }

                missing = reason;
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded && !cancellationToken.IsCancellationRequested)
            {
                missing = "it does not answer";
            }
            if (time.GetElapsedTime(started) > limit)
            {
                throw new CtlException($"not ready within {limit.TotalSeconds:0} s: {missing}; see the log of inframanager");
            }

            await Task.Delay(Interval, time, cancellationToken);
        }
    }

    /// <summary>Null, or what is not yet as it should be.</summary>
    internal static string? Missing(GetStatusReply status) =>
        status.Conditions.FirstOrDefault(IsAwaited) is { } condition ? $"{condition.Name}: {condition.Reason}"
        : !status.Reconciled ? $"the tables are not verified (target: {status.TargetState}{(status.TargetReason.Length > 0 ? $", {status.TargetReason}" : "")})"
        : status.PendingEntries > 0 ? $"{status.PendingEntries} entries are not in the tables yet"
        : status.StoreProblem.Length > 0 ? $"the store: {status.StoreProblem}"
        : null;

    // The port namespace may be the host's to make, which is set up after the ACC; a lack of rights to enter it is the ACC's own.
    private static bool IsAwaited(Condition condition) =>
        condition.PreventsAdds && !(condition.Name == ConditionNames.Ports && condition.Reason.EndsWith($"({Errno.ENOENT})", StringComparison.Ordinal));
}
