using System.Diagnostics;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Logging;
using ACCOffload.HostStub.Wire;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Operations;

/// <summary>
/// GC. Removes everything of its network that is not in the runtime's list, continues after failures, and reports them at the end.
/// </summary>
internal sealed partial class GcOperation(AgentServices services, Remover remover)
{
    private static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(5);

    // No removal starts later than this; each takes at most a few seconds. The runtime's next GC handles the rest.
    private static readonly TimeSpan RemovalTime = TimeSpan.FromSeconds(12);
    private const int Parallelism = 8;

    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Cni);

    public async Task RunAsync(CniCall call)
    {
        var valid = call.Config.ValidAttachments!.Select(a => new AttachmentKey(call.Config.Name, a.ContainerId, a.InterfaceName))
            .ToHashSet();
        var started = Stopwatch.GetTimestamp();
        var failures = new List<CniException>();
        // An attachment that is being added is not on the list yet.
        var stale = services.Claims.All()
            .Where(c => c.Key.Network == call.Config.Name && !valid.Contains(c.Key))
            .Where(c => c.State is not (ClaimState.Adding or ClaimState.Attaching or ClaimState.Released));
        var late = 0;
        await Parallel.ForEachAsync(stale, new ParallelOptions { MaxDegreeOfParallelism = Parallelism }, async (seen, _) =>
        {
            if (Stopwatch.GetElapsedTime(started) < RemovalTime)
            {
                await TryAsync(() => RemoveAsync(call, seen), failures);
            }
            else
            {
                Interlocked.Increment(ref late);
            }
        });
        if (late > 0)
        {
            failures.Add(new CniException(CniErrorCode.TryAgainLater, $"no time was left for {late} more attachments"));
        }

        await TryAsync(() => RemoveUnknownPortsAsync(call.Config.Name, valid), failures);
        if (call.Config.IpamType.Length > 0)
        {
            await TryAsync(
                () =>
                    services.Ipam.RunIfSupportedAsync("GC", call.ToIpam(), RequestLimits.OfAgent("GC") - Stopwatch.GetElapsedTime(started)),
                failures);
        }

        services.Acc.RequestResync();
        if (failures.Count > 0)
        {
            throw new CniException(
                failures[0].Code,
                $"{failures.Count} stale resources of {call.Config.Name} could not be removed",
                string.Join("; ", failures.Select(f => f.OneLine)));
        }
    }

    private async Task RemoveAsync(CniCall call, Claim seen)
    {
        using var holder = await services.Locks.AcquireAsync(seen.Key, LockLimit)
            ?? throw new CniException(CniErrorCode.TryAgainLater, $"{seen.Key} is busy");
        var claim = services.Claims.Get(seen.Key);
        // Only if it is still the same: the runtime may have removed it, or added it again, in the meantime.
        if (claim is null || claim.State is not (ClaimState.Attached or ClaimState.Deleting) || claim.Created != seen.Created)
        {
            return;
        }

        LogStale(claim.Key);
        call.AddErrorText(await remover.RemoveAsync(claim.Key, claim, StoredCall.ToIpam(claim) ?? StoredCall.ToIpam(call, claim)));
    }

    // Data-plane ends without a claim are left over from a lost database. Their alias names the attachment.
    private async Task RemoveUnknownPortsAsync(string network, HashSet<AttachmentKey> valid)
    {
        var names = valid.Select(PortName.For).Concat(services.Claims.All().Select(c => c.PortName)).ToHashSet();
        var prefix = $"accoffload:{network}/";
        var ports = await services.RunOnHostAsync(services.Pools.DataPlaneEnds);
        foreach (var port in ports.Where(p => p.Alias.StartsWith(prefix, StringComparison.Ordinal) && !names.Contains(p.Name)))
        {
            LogUnknownPort(port.Name, port.Alias);
            await services.Pools.DeleteDataPlaneEndAsync(port.Name);
        }
    }

    private static async Task TryAsync(Func<Task> step, List<CniException> failures)
    {
        try
        {
            await step();
        }
        catch (Exception e)
        {
            lock (failures)
            {
                failures.Add(e as CniException ?? new CniException(CniErrorCode.Internal, e.Message));
            }
        }
    }

    [LoggerMessage(LogLevel.Information, "{Key} is not among the runtime's valid attachments")]
    private partial void LogStale(AttachmentKey key);

    [LoggerMessage(LogLevel.Warning, "Removing the data-plane end {Port}, which no claim names ({Alias})")]
    private partial void LogUnknownPort(string port, string alias);
}
