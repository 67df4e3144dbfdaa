using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Devices;

/// <summary>The state of one kind's pool.</summary>
internal sealed record PoolState(
    string Kind, int Limit, int InUse, IReadOnlyList<string> Free, IReadOnlyList<QuarantinedDevice> Quarantined);

/// <summary>
/// Assigns devices to attachments. Free devices are observed, not recorded: a device is free when it exists and no claim names it. Only
/// failures are remembered, in memory; after a restart those devices are tried again.
/// </summary>
internal sealed class DevicePools(
    ClaimTable claims, IReadOnlyList<IDeviceKind> kinds, string defaultKind, int limit, DeviceQuarantine quarantine)
{
    private readonly Lock _lock = new();

    public DeviceQuarantine Quarantine { get; } = quarantine;

    /// <summary>The kind of a claim; null when the configuration no longer enables it.</summary>
    public IDeviceKind? Find(string kind) => kinds.FirstOrDefault(k => k.Kind == kind);

    /// <exception cref="CniException">
    /// Error 7: the configuration does not enable the kind, or the runtime assigned a device that would stay unused.
    /// </exception>
    public IDeviceKind For(string requested, string device)
    {
        var name = requested.Length > 0 ? requested : device.Length > 0 ? DeviceKinds.OfDeviceId(device) : defaultKind;
        if (device.Length > 0 && !DeviceKinds.HasDeviceIds(name))
        {
            throw new CniException(
                CniErrorCode.InvalidNetworkConfig,
                $"deviceKind \"{name}\" in the network configuration: the runtime assigned device \"{device}\", which this kind "
                    + "does not use",
                "remove deviceKind, or the device plugin's resource from the network");
        }

        if (Find(name) is { } kind)
        {
            return kind;
        }

        var where = requested.Length > 0 ? $"deviceKind \"{requested}\"" : $"deviceID \"{device}\"";
        throw new CniException(CniErrorCode.InvalidNetworkConfig, $"{where} in the network configuration: the agent has no devices of "
            + $"the kind {name}",
            $"it has {string.Join(", ", kinds.Select(k => k.Kind))}; see Device in its configuration");
    }

    /// <summary>Chooses a device and records the claim in one step, so that no other attachment gets the device.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="key">The attachment.</param>
    /// <param name="wanted">The device that the runtime asks for; empty for any.</param>
    /// <param name="toClaim">Turns the plan into the claim.</param>
    /// <param name="mac">The MAC that the runtime asks for; null for any.</param>
    /// <exception cref="CniException">Error 11: all are in use; 7: the requested one does not belong to this agent.</exception>
    public (Claim Claim, Task Recorded) Reserve(
        IDeviceKind kind, AttachmentKey key, string wanted, Func<DevicePlan, Claim> toClaim, MacAddress? mac = null)
    {
        lock (_lock)
        {
            // The ACC refuses a longer list, so this limit applies even if the kinds' limits add up to more. One place is reserved for the
            // host's own interface.
            if (claims.PodCount >= ProtocolLimits.MaxAttachments - 1)
            {
                throw new CniException(
                    CniErrorCode.TryAgainLater,
                    $"the node has the maximum of {ProtocolLimits.MaxAttachments - 1} attachments",
                    "remove a pod first");
            }

            var holders = HoldersOf(kind.Kind);
            var max = LimitOf(kind);
            if (holders.Count >= max)
            {
                throw new CniException(
                    CniErrorCode.TryAgainLater,
                    $"all {max} devices of the kind {kind.Kind} are in use",
                    "Device:Limit sets the maximum; remove a pod first");
            }

            var claim = toClaim(kind.Plan(new PlanRequest(key, wanted, DevicesOf(holders), Quarantine.Names(kind.Kind)) { Mac = mac }));
            return (claim, claims.PutAsync(claim));
        }
    }

    /// <summary>
    /// Whether the attachment's device is already back in the pool or in use by another attachment: then there is nothing to remove.
    /// </summary>
    public bool IsDeviceReleased(Claim claim) =>
        claim.PodGone || Find(claim.DeviceKind) is { IsPooled: true }
        && HoldersOf(claim.DeviceKind).Exists(c => c.Device == claim.Device && c.Key != claim.Key && c.State != ClaimState.Deleting);

    /// <summary>Changes that bring the pools to their configured state.</summary>
    public IReadOnlyList<(string Kind, PoolStep Step)> Steps()
    {
        lock (_lock)
        {
            return [.. kinds.SelectMany(
                kind => kind.PoolSteps(DevicesOf(HoldersOf(kind.Kind)), Quarantine.Names(kind.Kind)).Select(step => (kind.Kind, step)))];
        }
    }

    public IReadOnlyList<PoolState> States()
    {
        lock (_lock)
        {
            return [.. kinds.Select(kind =>
            {
                var holders = HoldersOf(kind.Kind);
                var quarantined = Quarantine.Of(kind.Kind);
                var taken = holders.Select(h => h.Device).Concat(quarantined.Select(a => a.Device)).ToHashSet();
                return new PoolState(
                    kind.Kind, LimitOf(kind), holders.Count, [.. kind.Devices().Where(d => !taken.Contains(d))], quarantined);
            })];
        }
    }

    /// <summary>
    /// The claims whose device is not in place. A claim of a kind that is no longer enabled can't be checked and is not included.
    /// </summary>
    public IReadOnlySet<AttachmentKey> Missing(IReadOnlyList<Claim> some)
    {
        var missing = new HashSet<AttachmentKey>();
        foreach (var group in some.GroupBy(c => c.DeviceKind))
        {
            if (Find(group.Key) is not { } kind)
            {
                continue;
            }

            var all = group.ToArray();
            var present = kind.Present(all);
            missing.UnionWith(all.Select(c => c.Key).Where(k => !present.Contains(k)));
        }
        return missing;
    }

    /// <summary>All data-plane ends that this agent created, for any attachment.</summary>
    public IReadOnlyList<PortInfo> DataPlaneEnds() => [.. kinds.SelectMany(k => k.DataPlaneEnds())];

    /// <summary>Deletes a data-plane end of any kind. Succeeds when there is none.</summary>
    public Task DeleteDataPlaneEndAsync(string portName) => Task.WhenAll(kinds.Select(k => k.DeleteDataPlaneEndAsync(portName)));

    private static HashSet<string> DevicesOf(IEnumerable<Claim> holders) =>
        holders.Where(c => c.Device.Length > 0).Select(c => c.Device).ToHashSet();

    private List<Claim> HoldersOf(string kind) =>
        [.. claims.All().Where(c => c.DeviceKind == kind && !c.IsHost && !c.PodGone && c.State != ClaimState.Released)];

    private int LimitOf(IDeviceKind kind) => limit > 0 ? limit : kind.DefaultLimit;
}
