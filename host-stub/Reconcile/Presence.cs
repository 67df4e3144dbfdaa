using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Reconcile;

/// <summary>
/// Compares the claims with the kernel. A device that went without a DEL is reported, and the ACC is told; its claim stays until DEL or GC, or until its namespace has been gone for a while as well. A device whose
/// pod is gone with its namespace is made what it was before, and is free.
/// </summary>
internal sealed partial class Presence(AgentServices services)
{
    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Device);

    /// <param name="kind">The kind to look at; null: all.</param>
    /// <returns>True when a pod was found to be gone that was not before.</returns>
    public async Task<bool> LookAsync(string? kind = null)
    {
        // Claims first: what is made after the devices were looked at must not look as if it had gone.
        var attached = services.Claims.All().Where(c => c.State == ClaimState.Attached && !c.IsHost && (kind is null || c.DeviceKind == kind)).ToArray();
        var missing = await services.OnDevicesAsync(() => services.Pools.Missing(attached));
        bool gone = false, changed = false;
        foreach (var claim in attached)
        {
            var vanished = missing.Contains(claim.Key);
            var podGone = vanished && (claim.PodGone || await HasPodGoneAsync(claim));
            if ((vanished == claim.Vanished && podGone == claim.PodGone) || !services.Claims.SetVanished(claim, vanished, podGone))
            {
                continue;
            }

            changed |= vanished;
            gone |= podGone;
            if (vanished && !claim.Vanished)
            {
                LogVanished(claim.Key, claim.Device.Length > 0 ? claim.Device : claim.PortName);
            }
        }
        // Before somebody else gets what they had.
        if (changed)
        {
            services.Acc.RequestResync();
        }

        return gone;
    }

    private async Task<bool> HasPodGoneAsync(Claim claim)
    {
        if (!await services.OnDevicesAsync(() => PodDevices.IsPodGone(claim)))
        {
            return false;
        }

        if (services.Pools.Find(claim.DeviceKind) is not { Pooled: true } kind || services.Pools.IsOver(claim))
        {
            return true;
        }

        if (!await services.OnDevicesAsync(() => kind.IsHome(claim)))
        {
            return false;
        }

        try
        {
            await kind.DeleteAsync(claim);
            LogReturned(claim.DeviceKind, claim.Device, claim.Key);
            return true;
        }
        catch (Exception e)
        {
            LogNotReturned(claim.DeviceKind, claim.Device, e.Message);
            return false;
        }
    }

    [LoggerMessage(LogLevel.Warning, "The device {Device} of {Key} went without a DEL")]
    private partial void LogVanished(AttachmentKey key, string device);

    [LoggerMessage(LogLevel.Information, "The {Kind} {Device} is back from {Key}, whose namespace is gone")]
    private partial void LogReturned(string kind, string device, AttachmentKey key);

    [LoggerMessage(LogLevel.Error, "The {Kind} {Device} is back from a namespace that is gone, and can't be made what it was, trying again: {Reason}")]
    private partial void LogNotReturned(string kind, string device, string reason);
}
