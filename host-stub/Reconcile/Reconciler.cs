using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Reconcile;

/// <summary>
/// Reconciles the host with the claims and the configuration. Each part inspects the host, compares, and acts on the differences: pools get
/// the configured devices, missing devices are reported, live pods get lost devices back, partly added or removed attachments are removed,
/// and attachments whose pod is gone without a DEL are released. A failed inspection is never taken for absence: the part ends and runs
/// again the next time.
/// </summary>
internal sealed partial class Reconciler(AgentServices services, Remover remover)
{
    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Device);
    private readonly HashSet<string> _reportedPorts = [];
    private readonly Dictionary<(string Kind, string Target), string> _poolProblems = [];
    private Dictionary<AttachmentKey, Sighting> _abandoned = [];

    /// <summary>Data-plane ends that no claim names.</summary>
    public IReadOnlyList<string> UnknownPorts { get; private set; } = [];

    /// <summary>
    /// Reconciles at startup. When it returns, it holds the locks of all half-finished attachments, so that no request gets in between.
    /// Their removal runs in parallel with requests for other attachments.
    /// </summary>
    /// <returns>The removals.</returns>
    public async Task<Task> StartAsync()
    {
        // Fill the pools first, to recreate the devices that a reboot of the host removed.
        await FillPoolsAsync();
        await LookForDevicesAsync();
        var removals = new List<Task>();
        foreach (var claim in services.Claims.All().Where(c => c.State is ClaimState.Adding or ClaimState.Deleting && !c.IsHost))
        {
            LogHalfDone(claim.Key, claim.State == ClaimState.Adding ? "added" : "removed");
            var holder = await services.Locks.AcquireAsync(claim.Key, TimeSpan.Zero);
            if (holder is not null)
            {
                removals.Add(Task.Run(async () =>
                {
                    using (holder)
                    {
                        await RemoveAsync(claim);
                    }
                }));
            }
        }
        return Task.WhenAll(removals);
    }

    /// <summary>Fills the pools, restores lost devices and releases abandoned attachments.</summary>
    public async Task RunAsync()
    {
        await FillPoolsAsync();
        await RestoreDevicesAsync();
        await ReleaseAbandonedAsync();
    }

    /// <summary>Checks all devices, and retries failed removals. An attachment that a request is working on is skipped.</summary>
    public async Task RetryAsync()
    {
        await LookForDevicesAsync();
        foreach (var claim in services.Claims.All().Where(c => c.State == ClaimState.Deleting && !c.IsHost))
        {
            using var holder = await services.Locks.AcquireAsync(claim.Key, TimeSpan.Zero);
            if (holder is not null && ReferenceEquals(services.Claims.Get(claim.Key), claim))
            {
                await RemoveAsync(claim);
            }
        }
    }

    /// <summary>
    /// Compares the claims' devices with those on the host. A claim whose device is missing stays until a DEL or GC, or until it is
    /// abandoned.
    /// </summary>
    /// <param name="kind">The kind to check; null for all.</param>
    /// <returns>True when a pod is gone, so its device may be free.</returns>
    public async Task<bool> FindMissingAsync(string? kind = null)
    {
        // Read the claims first: a device that is created during the inspection must not be taken for missing.
        var attached = services.Claims.All()
            .Where(c => c.State == ClaimState.Attached && !c.IsHost && (kind is null || c.DeviceKind == kind)).ToArray();
        var missing = await services.RunOnHostAsync(() => services.Pools.Missing(attached));
        bool anyGone = false, anyMissing = false;
        foreach (var claim in attached)
        {
            var vanished = missing.Contains(claim.Key);
            var podGone = vanished && (claim.PodGone || await ReclaimIfPodGoneAsync(claim));
            if ((vanished == claim.Vanished && podGone == claim.PodGone) || !services.Claims.SetVanished(claim, vanished, podGone))
            {
                continue;
            }

            anyMissing |= vanished;
            anyGone |= podGone;
            if (vanished && !claim.Vanished)
            {
                LogMissing(claim.Key, DeviceName(claim));
            }
        }
        // The ACC must know before another attachment gets the device.
        if (anyMissing)
        {
            services.Acc.RequestResync();
        }

        return anyGone;
    }

    /// <summary>
    /// Releases attachments whose pod is gone without a DEL: namespace and device have been missing for the configured time, in which the
    /// DEL could still have arrived. A claim whose removal fails keeps the state Deleting, and the removal is retried like any other.
    /// </summary>
    public async Task ReleaseAbandonedAsync()
    {
        if (services.Config.VanishedGrace == TimeSpan.Zero)
        {
            return;
        }

        var abandoned = new Dictionary<AttachmentKey, Sighting>();
        foreach (var claim in services.Claims.All().Where(c => c is { State: ClaimState.Attached, Vanished: true, IsHost: false }))
        {
            if (!await services.RunOnHostAsync(() => IsAbandoned(claim)))
            {
                continue;
            }

            var known = _abandoned.TryGetValue(claim.Key, out var seen) && seen.Created == claim.Created;
            if (!known)
            {
                seen = new Sighting(claim.Created, services.Time.GetTimestamp());
            }

            abandoned[claim.Key] = seen;
            if (known && services.Time.GetElapsedTime(seen.Since) >= services.Config.VanishedGrace)
            {
                await ReleaseAsync(claim);
            }
        }
        _abandoned = abandoned;
    }

    private async Task LookForDevicesAsync()
    {
        // List the ports before the claims are read: a port that is created later must not be taken for unknown.
        var ports = await services.RunOnHostAsync(services.Pools.DataPlaneEnds);
        await FindMissingAsync();
        var known = services.Claims.All().Select(c => c.PortName).ToHashSet();
        UnknownPorts = [.. ports.Where(p => !known.Contains(p.Name)).Select(p => p.Alias.Length > 0 ? $"{p.Name} ({p.Alias})" : p.Name)];
        foreach (var port in UnknownPorts.Where(_reportedPorts.Add))
        {
            LogUnknownPort(port);
        }
    }

    private async Task RestoreDevicesAsync()
    {
        bool CanRestore(Claim claim) => services.Pools.Find(claim.DeviceKind)?.CanRestore(claim) == true;
        var attached = services.Claims.All().Where(c => c.State == ClaimState.Attached && !c.IsHost && !c.PodGone).ToArray();
        if (!services.Acc.State.Synced)
        {
            return;
        }

        foreach (var claim in await services.RunOnHostAsync(() => attached.Where(CanRestore).ToArray()))
        {
            using var holder = await services.Locks.AcquireAsync(claim.Key, TimeSpan.Zero);
            // Check again under the lock: a request may have come in between.
            if (holder is null || !services.Acc.State.Synced || services.Claims.Get(claim.Key) is not { State: ClaimState.Attached } current
                || !await services.RunOnHostAsync(() => CanRestore(current)))
            {
                continue;
            }

            try
            {
                await RestoreAsync(current);
                LogRestored(claim.DeviceKind, DeviceName(claim), claim.Key);
            }
            catch (Exception e)
            {
                LogNotRestored(claim.PortName, claim.Key, CniException.ReasonOf(e));
            }
        }
    }

    private bool IsAbandoned(Claim claim) =>
        services.Pools.Find(claim.DeviceKind) is { } kind && kind.IsPodGone(claim) && services.Pools.Missing([claim]).Contains(claim.Key);

    private static string DeviceName(Claim claim) => claim.Device.Length > 0 ? claim.Device : claim.PortName;

    private readonly record struct Sighting(DateTimeOffset Created, long Since);
}
