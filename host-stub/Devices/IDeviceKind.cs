using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// The device chosen for an attachment. <paramref name="Device"/> is the name of a device that outlives the attachment, and empty for one
/// created for it.
/// </summary>
/// <remarks>A MAC of zero means the device's own MAC, which is known only once the device exists.</remarks>
internal sealed record DevicePlan(string Device, string PortName, MacAddress Mac)
{
    /// <summary>The device's state before the attachment; null for a device that is created for it.</summary>
    public LinkOrigin? Origin { get; init; }
}

/// <summary>A pod's interface, after its device was created or moved into the pod.</summary>
/// <param name="Index">Index in the pod's namespace.</param>
/// <param name="Mac">MAC address.</param>
internal readonly record struct PodInterface(int Index, MacAddress Mac);

/// <summary>A change that a kind wants to make to its pool, outside of any request.</summary>
/// <param name="Target">What is changed: a device, or the physical function that devices come from.</param>
/// <param name="Run">Makes the change.</param>
internal sealed record PoolStep(string Target, Action Run)
{
    /// <summary>The target is a device of the pool, to be quarantined if it causes the change to fail.</summary>
    public bool IsDevice { get; init; }
}

/// <summary>The device to create.</summary>
internal sealed record PortRequest(string Device, string PortName, MacAddress Mac, int Mtu, string Alias)
{
    /// <summary>The runtime asked for the MAC. A driver that refuses it is not faulty.</summary>
    public bool IsMacRequested { get; init; }

    /// <summary>Runs the code that sets the device's MAC.</summary>
    /// <exception cref="CniException">Error 2: the runtime asked for the MAC, and the driver refuses it.</exception>
    public T SetMac<T>(Func<T> code)
    {
        try
        {
            return code();
        }
        catch (NetlinkException e) when (IsMacRequested
            && e.Errno is Errno.EOPNOTSUPP or Errno.EPERM or Errno.EACCES or Errno.EINVAL or Errno.EADDRNOTAVAIL)
        {
            throw new CniException(
                CniErrorCode.UnsupportedField,
                $"unsupported field runtimeConfig.mac = {Mac} in the network configuration",
                $"the driver of {Device} refuses it: {e.Message}");
        }
    }

    public static PortRequest Of(Claim claim) => new(claim.Device, claim.PortName, claim.Mac, claim.Mtu, Devices.PortName.Alias(claim.Key));
}

/// <summary>A data-plane end as the kernel reports it.</summary>
internal sealed record PortInfo(string Name, bool IsUp, string Alias);

/// <summary>The input to choosing a device.</summary>
/// <param name="Key">The attachment.</param>
/// <param name="Wanted">The device that the runtime asks for; empty for any.</param>
/// <param name="InUse">Devices of this kind that attachments use.</param>
/// <param name="Quarantined">Devices that failed and must not be tried yet.</param>
internal sealed record PlanRequest(AttachmentKey Key, string Wanted, IReadOnlySet<string> InUse, IReadOnlySet<string> Quarantined)
{
    /// <summary>The MAC that the runtime asks for; null for any.</summary>
    public MacAddress? Mac { get; init; }
}

/// <summary>
/// A kind of device between a pod and the pipeline. Everything that differs between kinds is a member here; <see cref="DeviceKinds"/> lists
/// the kinds. The default of a member suits a device that is entirely inside the pod's namespace, unless the member says otherwise.
/// </summary>
internal interface IDeviceKind
{
    /// <summary>The name in the configuration, in claims and on the wire.</summary>
    string Kind { get; }

    /// <summary>Maximum number of attachments where the configuration sets none.</summary>
    int DefaultLimit { get; }

    /// <summary>The devices outlive their attachments, and the next attachment may get the same one.</summary>
    bool IsPooled => false;

    /// <summary><see cref="Plan"/> reads the host's state and therefore blocks.</summary>
    bool PlanBlocks => true;

    /// <summary>All devices of the pool, free or not; empty for a kind whose devices are created for each attachment.</summary>
    IReadOnlyList<string> Devices() => [];

    /// <summary>
    /// Changes that bring the pool to its configured state. One caller at a time. Each step runs once, outside of requests.
    /// </summary>
    IReadOnlyList<PoolStep> PoolSteps(IReadOnlySet<string> inUse, IReadOnlySet<string> quarantined) => [];

    /// <summary>Chooses the device. One caller at a time.</summary>
    /// <exception cref="CniException">Error 11: none is free; 7: the requested one does not belong to this agent.</exception>
    DevicePlan Plan(PlanRequest request);

    /// <summary>
    /// Creates the device, or takes it from the pool, and puts its near end into the pod as the interface; both ends are up.
    /// </summary>
    PodInterface Create(PortRequest request, PodNetwork pod);

    /// <summary>As <see cref="Create"/>, but before the attachment is sent to the ACC.</summary>
    /// <returns>Null when the device can exist only after the ACC has the attachment; <see cref="Create"/> is called then.</returns>
    PodInterface? CreateBeforeAttach(PortRequest request, PodNetwork pod) => Create(request, pod);

    /// <summary>Removes the device, or returns it to the pool in its original state. Succeeds when there is none.</summary>
    /// <exception cref="DeviceNotReturnedException">The device is not back yet; try again.</exception>
    Task DeleteAsync(Claim claim);

    /// <summary>
    /// Whether the ACC leases the claim's port. It may lease the port to another attachment as soon as this one is detached, so the device
    /// must be removed first.
    /// </summary>
    bool IsLeased(Claim claim) => false;

    /// <summary>The claims whose device is in place. A device that can't be checked counts as present.</summary>
    IReadOnlySet<AttachmentKey> Present(IReadOnlyList<Claim> claims) => PodDevices.Present(claims);

    /// <summary>Whether the pod of a claim is gone. If the host can't be inspected, the pod counts as present.</summary>
    bool IsPodGone(Claim claim) => PodDevices.IsPodGone(claim);

    /// <summary>Whether a pooled device is back on the host. The kernel takes a moment to return it from a destroyed namespace.</summary>
    bool IsReturned(Claim claim) => true;

    /// <summary>Whether a live pod lost its interface and can get it back now.</summary>
    bool CanRestore(Claim claim) => false;

    /// <summary>The routes that a claim keeps, to add them again with a restored device.</summary>
    IReadOnlyList<CniRoute> RoutesToRestore(IReadOnlyList<CniRoute> routes) => routes;

    /// <summary>
    /// The candidates whose device is found on this host, completed with what was found. Used after the loss of the database.
    /// </summary>
    /// <exception cref="LinuxException">The host's devices can't be read, so it is unknown which exist.</exception>
    IReadOnlyList<Claim> FindAttached(IReadOnlyList<Claim> candidates) =>
        PodDevices.FindAttached(candidates, static (claim, path, _) => claim with { NetNs = path, Device = "" });

    /// <summary>What is wrong with the attachment's device outside of the pod; null when nothing is.</summary>
    string? Problem(Claim claim);

    /// <summary>Checks a pod's interface whose MAC is not the claim's.</summary>
    /// <exception cref="CniException">Error 999: the device must keep its MAC.</exception>
    void CheckChangedMac(Claim claim, LinkInfo link) => throw new CniException(
        CniErrorCode.Internal,
        $"interface {link.Name} has the MAC {link.Mac}, but the {Kind} was given {claim.Mac}",
        "no packet passes; a plugin later in the chain must not change it: request a MAC with capabilities.mac");

    /// <summary>Checks whether a bandwidth limit can be applied.</summary>
    /// <exception cref="CniException">Error 2: not on this kind; 7: a burst is smaller than a packet.</exception>
    void CheckBandwidth(CniBandwidth bandwidth, int mtu) => throw new CniException(
        CniErrorCode.UnsupportedField,
        $"unsupported field {CniBandwidth.Field} in the network configuration",
        $"the bandwidth of a {Kind} can't be limited, only that of a veth");

    /// <summary>Applies a bandwidth limit that <see cref="CheckBandwidth"/> has accepted.</summary>
    /// <exception cref="CniException">Error 2: the kernel does not support it.</exception>
    void LimitBandwidth(string portName, PodNetwork pod, int index, CniBandwidth bandwidth)
    {
    }

    /// <summary>What is wrong with the limits; null when nothing is.</summary>
    string? BandwidthProblem(string portName, PodNetwork pod, int index, CniBandwidth bandwidth) => null;

    /// <summary>
    /// Whether the host interface's link was created for this claim, even if its MAC differs, which is the case after the loss of the
    /// database.
    /// </summary>
    bool OwnsHostLink(Claim claim, LinkInfo? link) => link?.Alias == PortName.Alias(claim.Key);

    /// <summary>Whether the data-plane end that belongs to the device exists; true for a kind without one of its own.</summary>
    bool HasDataPlaneEnd(Claim claim) => true;

    /// <summary>All data-plane ends that this agent created, for any attachment.</summary>
    IReadOnlyList<PortInfo> DataPlaneEnds() => [];

    /// <summary>Deletes a data-plane end. Succeeds when there is none.</summary>
    Task DeleteDataPlaneEndAsync(string portName) => Task.CompletedTask;
}
