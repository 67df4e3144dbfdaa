using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Reconcile;

/// <summary>
/// Releases attachments whose pod went without a DEL: its namespace and its device are gone, and have been for a while in which the DEL might still have
/// come. What only can't be seen is kept.
/// </summary>
internal sealed partial class Departures(AgentServices services, Remover remover)
{
    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Device);
    private Dictionary<AttachmentKey, Sighting> _gone = [];

    /// <summary>Looks once; a removal that fails stays as being deleted, and is tried again like any other.</summary>
    public async Task LookAsync()
    {
        if (services.Config.VanishedGrace == TimeSpan.Zero)
        {
            return;
        }

        var gone = new Dictionary<AttachmentKey, Sighting>();
        foreach (var claim in services.Claims.All().Where(c => c is { State: ClaimState.Attached, Vanished: true, IsHost: false }))
        {
            if (!await services.OnDevicesAsync(() => IsPodGone(claim) && services.Pools.Missing([claim]).Contains(claim.Key)))
            {
                continue;
            }

            var known = _gone.TryGetValue(claim.Key, out var seen) && seen.Created == claim.Created;
            if (!known)
            {
                seen = new Sighting(claim.Created, services.Time.GetTimestamp());
            }

            gone[claim.Key] = seen;
            if (known && services.Time.GetElapsedTime(seen.Since) >= services.Config.VanishedGrace)
            {
                await ReleaseAsync(claim);
            }
        }
        _gone = gone;
    }

    // A veth that was taken over after the agent's database was lost has no namespace's path: nothing but its far end shows that the pod lives.
    private static bool IsPodGone(Claim claim) => claim is { NetNs.Length: 0, DeviceKind: "veth" } || PodDevices.IsPodGone(claim);

    private async Task ReleaseAsync(Claim seen)
    {
        using var holder = await services.Locks.AcquireAsync(seen.Key, TimeSpan.Zero);
        if (holder is null || !ReferenceEquals(services.Claims.Get(seen.Key), seen))
        {
            return;
        }

        LogReleasing(seen.Key, services.Config.VanishedGrace.TotalSeconds);
        try
        {
            await remover.RemoveAsync(seen.Key, seen, StoredCall.ToIpam(seen));
        }
        catch (CniException e)
        {
            LogFailed(seen.Key, e.OneLine);
        }
    }

    private readonly record struct Sighting(DateTimeOffset Created, long Since);

    [LoggerMessage(LogLevel.Warning, "{Key} has had neither namespace nor device for {Seconds} s, and no DEL came: releasing it and its addresses")]
    private partial void LogReleasing(AttachmentKey key, double seconds);

    [LoggerMessage(LogLevel.Error, "{Key}, which is gone, can't be released entirely, it will be tried again: {Reason}")]
    private partial void LogFailed(AttachmentKey key, string reason);
}
