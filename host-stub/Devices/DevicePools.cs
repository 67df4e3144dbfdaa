using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Devices;

/// <summary>One kind's share: what there is, what is in use.</summary>
internal sealed record PoolState(string Kind, int Limit, int InUse, IReadOnlyList<string> Free, IReadOnlyList<SetAsideDevice> SetAside);

/// <summary>
/// Gives each attachment its device. What is free is not remembered but seen: devices that are there and that no claim names. Only what failed is kept in
/// memory, so a restart tries it again.
/// </summary>
internal sealed class DevicePools(ClaimTable claims, IReadOnlyList<IDeviceKind> kinds, string defaultKind, int limit, SetAsideList setAside)
{
    private readonly Lock _lock = new();

    public SetAsideList SetAside { get; } = setAside;

    /// <summary>The kind of a claim, which may be of a time when the configuration offered it; null: nobody knows it.</summary>
    public IDeviceKind? Find(string kind) => kinds.FirstOrDefault(k => k.Kind == kind);

    /// <exception cref="CniException">Error 7: the configuration has no such kind.</exception>
    public IDeviceKind For(string asked, string device)
    {
        var name = asked.Length > 0 ? asked : device.Length == 0 ? defaultKind : device.Contains("/sf", StringComparison.Ordinal) ? "sf" : "vf";
        if (Find(name) is { } kind)
        {
            return kind;
        }

        var where = asked.Length > 0 ? $"deviceKind \"{asked}\"" : $"deviceID \"{device}\"";
        throw new CniException(CniErrorCode.InvalidNetworkConfig, $"{where} in the network configuration: the agent has no devices of the kind {name}",
            $"it has {string.Join(", ", kinds.Select(k => k.Kind))}; see Device in its configuration");
    }

    /// <summary>Chooses a device and records the claim, in one step: nobody else gets it.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="key">The attachment.</param>
    /// <param name="wanted">The device that the runtime names; empty: any.</param>
    /// <param name="make">Makes the claim.</param>
    /// <param name="mac">The MAC that the runtime wants; null: any.</param>
    /// <exception cref="CniException">Error 11: all are in use; 7: the wanted one is none of ours.</exception>
    public (Claim Claim, Task Recorded) Reserve(IDeviceKind kind, AttachmentKey key, string wanted, Func<DevicePlan, Claim> make, MacAddress? mac = null)
    {
        lock (_lock)
        {
            // One is kept for the host's own interface, whatever the kinds' limits allow together: the ACC takes no longer list.
            if (claims.PodCount >= ProtocolLimits.MaxAttachments - 1)
            {
                throw new CniException(CniErrorCode.TryAgainLater, $"the node has {ProtocolLimits.MaxAttachments - 1} attachments, which is all that there may be", "a pod has to go first");
            }

            var holders = HoldersOf(kind.Kind);
            var most = LimitOf(kind);
            if (holders.Count >= most)
            {
                throw new CniException(CniErrorCode.TryAgainLater, $"all {most} devices of the kind {kind.Kind} are in use", "Device:Limit is the most that there may be; a pod has to go first");
            }

            var inUse = holders.Where(c => c.Device.Length > 0).Select(c => c.Device).ToHashSet();
            var claim = make(kind.Plan(new PlanRequest(key, wanted, inUse, SetAside.Names(kind.Kind)) { Mac = mac }));
            return (claim, claims.PutAsync(claim));
        }
    }

    /// <summary>The attachment's device is given back already, or another one's by now: there is nothing to take away.</summary>
    public bool IsOver(Claim claim) =>
        claim.PodGone || Find(claim.DeviceKind) is { Pooled: true } && HoldersOf(claim.DeviceKind).Exists(c => c.Device == claim.Device && c.Key != claim.Key && c.State != ClaimState.Deleting);

    /// <summary>What the kinds have to do to have the devices that the configuration wants.</summary>
    public IReadOnlyList<(string Kind, UpkeepStep Step)> Upkeep()
    {
        lock (_lock)
        {
            return [.. kinds.SelectMany(kind =>
            {
                var inUse = HoldersOf(kind.Kind).Where(c => c.Device.Length > 0).Select(c => c.Device).ToHashSet();
                return kind.Upkeep(inUse, SetAside.Names(kind.Kind)).Select(step => (kind.Kind, step));
            })];
        }
    }

    public IReadOnlyList<PoolState> States()
    {
        lock (_lock)
        {
            return [.. kinds.Select(kind =>
            {
                var holders = HoldersOf(kind.Kind);
                var aside = SetAside.Of(kind.Kind);
                var taken = holders.Select(h => h.Device).Concat(aside.Select(a => a.Device)).ToHashSet();
                return new PoolState(kind.Kind, LimitOf(kind), holders.Count, [.. kind.Devices().Where(d => !taken.Contains(d))], aside);
            })];
        }
    }

    /// <summary>The claims whose device is not where it has to be.</summary>
    public IReadOnlySet<AttachmentKey> Missing(IReadOnlyList<Claim> some)
    {
        var missing = new HashSet<AttachmentKey>();
        foreach (var group in some.GroupBy(c => c.DeviceKind))
        {
            // A kind that the configuration does not offer any more can't be looked for.
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

    private List<Claim> HoldersOf(string kind) => [.. claims.All().Where(c => c.DeviceKind == kind && !c.IsHost && !c.PodGone && c.State != ClaimState.Released)];

    private int LimitOf(IDeviceKind kind) => limit > 0 ? limit : kind.DefaultLimit;
}
