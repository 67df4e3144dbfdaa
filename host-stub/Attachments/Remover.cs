using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Ipam;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Attachments;

/// <summary>
/// Takes an attachment away, however far it had come: after DEL, GC, a failed ADD, or a crash. Every step is repeatable; if one
/// fails the claim stays as being deleted, and is tried again. The caller holds the attachment's lock.
/// </summary>
internal sealed partial class Remover(AgentServices services)
{
    private static readonly TimeSpan DetachLimit = TimeSpan.FromSeconds(3);

    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Cni);

    /// <param name="key">The attachment.</param>
    /// <param name="claim">Its claim, or null when there is none (then what its name implies is removed all the same).</param>
    /// <param name="ipam">How to give the addresses back; null: nobody gave any.</param>
    /// <param name="otherIpam">What to try where that fails, because the configuration may have been repaired since; null: nothing.</param>
    /// <param name="accTold">False when the ACC can't know of it.</param>
    /// <param name="ipamMayFail">There is nothing to suggest that an address was given: the plugin's refusal is told, and is no failure.</param>
    /// <returns>What delegated plugins wrote.</returns>
    /// <exception cref="CniException">The first step that failed; the others were done.</exception>
    public async Task<string> RemoveAsync(AttachmentKey key, Claim? claim, IpamRequest? ipam, IpamRequest? otherIpam = null, bool accTold = true, bool ipamMayFail = false)
    {
        var failures = new List<Exception>();
        // On disk before the address is free for somebody else: a restart in between must not state the old holder.
        var recorded = claim is null ? Task.CompletedTask : MarkAsync(ref claim);
        var device = DeleteDeviceAsync(key, claim);
        var rules = RemoveRulesAsync(claim);
        var detached = accTold ? DetachAsync(key, claim, device) : Task.FromResult(true);
        // On a full disk the removal goes on: it is what frees resources. The table writes it down as soon as it can, and a restart before that finds a claim
        // whose device is gone, which is not stated to the ACC and released after a while.
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
        var away = await IsAwayAsync(device);
        if (!away)
        {
            await TryAsync(device, failures, "remove the device");
        }

        if (failures.Count > 0)
        {
            throw ToCni(failures[0]);
        }
        // Not waited for: a restart finds it as being deleted and does all this again, to no effect.
        // What is still away has its claim, which says what it was, until it is back.
        if (claim is not null && !away)
        {
            _ = confirmed ? services.Claims.RemoveAsync(key) : services.Claims.PutAsync(claim with { State = ClaimState.Released });
        }
        // Also when a Sync is just under way: it may have been stated before the claim was released.
        if (!confirmed)
        {
            services.Acc.RequestResync();
        }

        services.Step("del.done");
        LogRemoved(key, away ? "; its device is not back yet" : confirmed ? "" : "; the ACC learns of it at the next Sync");
        return errorText;
    }

    private async Task<bool> DetachAsync(AttachmentKey key, Claim? claim, Task device)
    {
        if (claim is not null && services.Pools.Find(claim.DeviceKind) is { } kind && kind.IsLent(claim))
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
        catch (CniException e) when (e.Code != (int)CniErrorCode.TryAgainLater && other is not null && !(other.Type == ipam.Type && other.Config.Span.SequenceEqual(ipam.Config.Span)))
        {
            return (await services.Ipam.RunAsync("DEL", other)).ErrorText;
        }
    }

    private static async Task<bool> IsAwayAsync(Task device)
    {
        try
        {
            await device;
            return false;
        }
        catch (Exception e)
        {
            return e is DeviceAwayException;
        }
    }

    // Only a second interface has any; the namespaces of the others are not entered.
    private Task RemoveRulesAsync(Claim? claim) => claim is not { SourceTable: not 0 } ? Task.CompletedTask : services.OnDevicesAsync(() =>
    {
        SourceRouting.Remove(claim);
        return true;
    });

    private Task DeleteDeviceAsync(AttachmentKey key, Claim? claim)
    {
        if (claim is null)
        {
            return services.Veth.DeleteAsync(PortName.For(key));
        }

        return services.Pools.Find(claim.DeviceKind) is { } kind
            ? services.Pools.IsOver(claim) ? Task.CompletedTask : kind.DeleteAsync(claim)
            : Task.FromException(new CniException(CniErrorCode.TryAgainLater, $"{key} has a device of the kind {claim.DeviceKind}, which the agent's configuration does not offer any more", "offer it until the pod is gone"));
    }

    // Also what is marked already: the mark may be in memory only, where the disk was full before.
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
        e as CniException ?? new CniException(CniErrorCode.IoFailure, "the attachment could not be removed entirely, try again", e.Message);

    [LoggerMessage(LogLevel.Information, "Removed {Key}{Remark}")]
    private partial void LogRemoved(AttachmentKey key, string remark);

    [LoggerMessage(LogLevel.Warning, "Removing an attachment: the step \"{Step}\" failed: {Reason}")]
    private partial void LogStepFailed(string step, string reason);
}
