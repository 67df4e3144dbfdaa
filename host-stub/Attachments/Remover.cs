using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Ipam;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Attachments;

/// <summary>
/// Removes an attachment in any state: after DEL, GC, a failed ADD, or a crash. Every step can be repeated. If one fails, the claim keeps
/// the state Deleting, and the removal is retried. The caller holds the attachment's lock.
/// </summary>
internal sealed partial class Remover(AgentServices services)
{
    private static readonly TimeSpan DetachLimit = TimeSpan.FromSeconds(3);

    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Cni);

    /// <param name="key">The attachment.</param>
    /// <param name="claim">Its claim; null when there is none: then everything that can be derived from the key is removed.</param>
    /// <param name="ipam">How to release the addresses; null when none were assigned.</param>
    /// <param name="otherIpam">The fallback if that fails, because the configuration may have been fixed since; null for none.</param>
    /// <param name="attachSent">False when no Attach was sent, so the ACC can't have the attachment.</param>
    /// <param name="ipamMayFail">True when nothing suggests that an address was assigned: the IPAM plugin's refusal is reported, but not
    /// treated as a failure.</param>
    /// <returns>What delegated plugins wrote to standard error.</returns>
    /// <exception cref="CniException">The failure of the first step that failed; the other steps were still tried.</exception>
    public async Task<string> RemoveAsync(
        AttachmentKey key, Claim? claim, IpamRequest? ipam, IpamRequest? otherIpam = null, bool attachSent = true, bool ipamMayFail = false)
    {
        var failures = new List<Exception>();
        // Record the removal before the address is released for another attachment: after a restart in between, the Sync must not list the
        // old holder.
        var recorded = claim is null ? Task.CompletedTask : MarkAsync(ref claim);
        var device = DeleteDeviceAsync(key, claim);
        var rules = RemoveRulesAsync(claim);
        var detached = attachSent ? DetachAsync(key, claim, device) : Task.FromResult(true);
        // The removal continues even if the disk is full, because it frees resources. The table writes the record as soon as it can. An
        // agent that restarts before that finds a claim without a device: the Sync omits it, and it is released after a while.
        await TryAsync(recorded, [], "record");
        await TryAsync(rules, failures, "remove the pod's routing rules");
        var confirmed = await detached;
        services.Step("del.detached");

        var errorText = "";
        if (ipam is not null)
        {
            var refusals = new List<Exception>();
            var released = ReleaseAsync(ipam, otherIpam);
            await TryAsync(released, refusals, "release");
            errorText = released.IsCompletedSuccessfully ? released.Result : "";
            if (ipamMayFail && refusals is [CniException { Code: not (int)CniErrorCode.TryAgainLater } refusal])
            {
                errorText = $"host-stub: {refusal.OneLine}\n";
            }
            else
            {
                failures.AddRange(refusals);
            }
        }
        services.Step("del.released");
        var notReturned = await IsNotReturnedAsync(device);
        if (!notReturned)
        {
            await TryAsync(device, failures, "remove the device");
        }

        if (failures.Count > 0)
        {
            throw ToCni(failures[0]);
        }
        // Not awaited: after a restart the claim is still being deleted, and repeating the removal has no effect. If the device is not back
        // yet, the claim is kept, because it holds the device's original state.
        if (claim is not null && !notReturned)
        {
            _ = confirmed ? services.Claims.RemoveAsync(key) : services.Claims.PutAsync(claim with { State = ClaimState.Released });
        }
        // Needed even while a Sync is running: that Sync may have listed the claim before it was released.
        if (!confirmed)
        {
            services.Acc.RequestResync();
        }

        services.Step("del.done");
        LogRemoved(key, notReturned ? "; its device is not back yet" : confirmed ? "" : "; the next Sync updates the ACC");
        return errorText;
    }

    private async Task<bool> DetachAsync(AttachmentKey key, Claim? claim, Task device)
    {
        if (claim is not null && services.Pools.Find(claim.DeviceKind) is { } kind && kind.IsLeased(claim))
        {
            await device.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return await services.Acc.TryDetachAsync(key, DetachLimit);
    }

    private async Task<string> ReleaseAsync(IpamRequest ipam, IpamRequest? other)
    {
        try
        {
            return (await services.Ipam.RunAsync("DEL", ipam)).ErrorText;
        }
        catch (CniException e) when (e.Code != (int)CniErrorCode.TryAgainLater && other is not null
            && !(other.Type == ipam.Type && other.Config.Span.SequenceEqual(ipam.Config.Span)))
        {
            return (await services.Ipam.RunAsync("DEL", other)).ErrorText;
        }
    }

    private static async Task<bool> IsNotReturnedAsync(Task device)
    {
        try
        {
            await device;
            return false;
        }
        catch (Exception e)
        {
            return e is DeviceNotReturnedException;
        }
    }

    // Only a second interface has rules; for any other claim, the pod's namespace is not entered.
    private Task RemoveRulesAsync(Claim? claim) => claim is not { SourceTable: not 0 } ? Task.CompletedTask : services.RunOnHostAsync(() =>
    {
        SourceRouting.Remove(claim);
        return true;
    });

    private Task DeleteDeviceAsync(AttachmentKey key, Claim? claim)
    {
        if (claim is null)
        {
            return services.Pools.DeleteDataPlaneEndAsync(PortName.For(key));
        }

        return services.Pools.Find(claim.DeviceKind) is { } kind
            ? services.Pools.IsDeviceReleased(claim) ? Task.CompletedTask : kind.DeleteAsync(claim)
            : Task.FromException(new CniException(
                CniErrorCode.TryAgainLater,
                $"{key} has a device of the kind {claim.DeviceKind}, which the agent's configuration no longer enables",
                "enable it until the pod is gone"));
    }

    // Mark the claim even if it is marked already: after a full disk, the mark may be in memory only.
    private Task MarkAsync(ref Claim claim)
    {
        claim = claim with { State = ClaimState.Deleting };
        return services.Claims.PutAsync(claim);
    }

    private async Task TryAsync(Task task, List<Exception> failures, string what)
    {
        try
        {
            await task;
        }
        catch (Exception e)
        {
            failures.Add(e);
            LogStepFailed(what, e.Message);
        }
    }

    private static CniException ToCni(Exception e) =>
        e as CniException
            ?? new CniException(CniErrorCode.IoFailure, "the attachment could not be removed completely, try again", e.Message);

    [LoggerMessage(LogLevel.Information, "Removed {Key}{Remark}")]
    private partial void LogRemoved(AttachmentKey key, string remark);

    [LoggerMessage(LogLevel.Warning, "Removing an attachment: the step \"{Step}\" failed: {Reason}")]
    private partial void LogStepFailed(string step, string reason);
}
