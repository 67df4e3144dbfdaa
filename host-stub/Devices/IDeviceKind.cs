using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>Which device an attachment is to get. <paramref name="Device"/> names one that is there before and after; empty for one that is made for the attachment.</summary>
/// <remarks>A MAC of zero: the device's own, which is known only when it is made.</remarks>
internal sealed record DevicePlan(string Device, string PortName, MacAddress Mac)
{
    /// <summary>What the device was before; null: it is made for the attachment.</summary>
    public LinkOrigin? Origin { get; init; }
}

/// <summary>A device that was made.</summary>
/// <param name="Index">The interface's index in the pod's namespace.</param>
/// <param name="Mac">The interface's MAC.</param>
internal readonly record struct MadePort(int Index, MacAddress Mac);

/// <summary>Something that a kind does beside the requests, about one device.</summary>
internal sealed record UpkeepStep(string Device, Action Run);

/// <summary>What a device kind is asked to make.</summary>
internal sealed record PortRequest(string Device, string PortName, MacAddress Mac, int Mtu, string Alias)
{
    /// <summary>The MAC is the runtime's wish: a driver that refuses it is not broken.</summary>
    public bool MacIsWanted { get; init; }

    /// <summary>Runs what gives the device its MAC.</summary>
    /// <exception cref="CniException">Error 2: the runtime wants the MAC, and the driver does not take it.</exception>
    public T GiveMac<T>(Func<T> code)
    {
        try
        {
            return code();
        }
        catch (NetlinkException e) when (MacIsWanted && e.Errno is Errno.EOPNOTSUPP or Errno.EPERM or Errno.EACCES or Errno.EINVAL or Errno.EADDRNOTAVAIL)
        {
            throw new CniException(CniErrorCode.UnsupportedField, $"unsupported field runtimeConfig.mac = {Mac} in the network configuration", $"the driver of {Device} does not take it: {e.Message}");
        }
    }

    public static PortRequest Of(Claim claim) => new(claim.Device, claim.PortName, claim.Mac, claim.Mtu, Devices.PortName.Alias(claim.Key));
}

/// <summary>A data-plane end as the kernel has it.</summary>
internal sealed record PortInfo(string Name, bool IsUp, string Alias);

/// <summary>What a kind knows while it chooses a device.</summary>
/// <param name="Key">The attachment.</param>
/// <param name="Wanted">The device that the runtime names; empty: any.</param>
/// <param name="InUse">Devices that attachments of this kind have.</param>
/// <param name="SetAside">Devices that failed and are not to be tried yet.</param>
internal sealed record PlanRequest(AttachmentKey Key, string Wanted, IReadOnlySet<string> InUse, IReadOnlySet<string> SetAside)
{
    /// <summary>The MAC that the runtime wants; null: any.</summary>
    public MacAddress? Mac { get; init; }
}

/// <summary>A kind of device between a namespace and the pipeline.</summary>
internal interface IDeviceKind
{
    /// <summary>The name in the configuration, in claims and on the wire.</summary>
    string Kind { get; }

    /// <summary>Most attachments at once where the configuration does not say.</summary>
    int DefaultLimit { get; }

    /// <summary>The target makes the device when it is told of the attachment, so that it can be taken only then, and again after the target restarted.</summary>
    bool MadeByTarget { get; }

    /// <summary>The device is there before and after the attachment, and may be another's afterwards.</summary>
    bool Pooled => false;

    /// <summary>The ACC lends the claim's port, and may lend it to another attachment as soon as this one is detached: its device goes first.</summary>
    bool IsLent(Claim claim) => false;

    /// <summary>The interface may get another MAC while it is in use, as soon as the ACC is told of it.</summary>
    bool FollowsMac => false;

    /// <summary>The devices that there are, free or not; empty for a kind whose devices are made for each attachment.</summary>
    IReadOnlyList<string> Devices();

    /// <summary>Chooses the device. One caller at a time.</summary>
    /// <exception cref="CniException">Error 11: none is free; 7: the wanted one is none of ours.</exception>
    DevicePlan Plan(PlanRequest request);

    /// <summary>Makes the device, or takes it, and puts its near end into the pod as the interface; both ends up.</summary>
    MadePort Create(PortRequest request, PodNetwork pod);

    /// <summary>Removes the device, or gives it back as it was before. No error when there is none.</summary>
    /// <exception cref="DeviceAwayException">It has to be looked for again.</exception>
    Task DeleteAsync(Claim claim);

    /// <summary>Those of the claims whose device is where it has to be.</summary>
    IReadOnlySet<AttachmentKey> Present(IReadOnlyList<Claim> claims);

    /// <summary>Whether the device is where it is when nobody has it. The kernel takes a moment to bring it back from a namespace that ended.</summary>
    bool IsHome(Claim claim) => true;

    /// <summary>Whether a pod that lives and lost its interface can get it again now.</summary>
    bool CanRestore(Claim claim) => false;

    /// <summary>What has to be done to have the devices that the configuration wants. One caller at a time; the steps run beside the requests, and each once.</summary>
    IReadOnlyList<UpkeepStep> Upkeep(IReadOnlySet<string> inUse, IReadOnlySet<string> setAside) => [];

    /// <summary>What is wrong with the attachment's device outside of the pod; null: nothing.</summary>
    string? Problem(Claim claim);
}
