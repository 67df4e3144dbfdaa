using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Devlink;

/// <summary>
/// Devices with an embedded switch, their ports and functions, in one network namespace (devlink over generic netlink). Any thread may use it, one request
/// at a time. Every method throws <see cref="NetlinkException"/> with the kernel's words when the kernel refuses, and after five seconds without an answer;
/// ENODEV says that there is no such device.
/// </summary>
public sealed partial class DevlinkClient : IDisposable
{
    private readonly INetlinkSockets _sockets;
    private readonly Genetlink _genetlink;
    private readonly GenetlinkFamily _family;
    private readonly PciBus _bus;

    internal DevlinkClient(INetlinkSockets sockets, PciBus bus)
    {
        const string Operation = "open devlink";
        _sockets = sockets;
        _bus = bus;
        _genetlink = new Genetlink(new NetlinkConnection(sockets.OpenGeneric()));
        try
        {
            _family = _genetlink.FindFamily(DevlinkProtocol.Family, Operation)
                ?? throw new NetlinkException(Operation, Errno.ENOENT, "this kernel has no devlink; subfunctions and switch modes need one built with CONFIG_NET_DEVLINK");
        }
        catch
        {
            _genetlink.Dispose();
            throw;
        }
    }

    /// <summary>Opens the family in a namespace: devices are in the machine's own unless somebody moved them.</summary>
    /// <param name="ns">The namespace, which may be closed afterwards; null for the calling threads'.</param>
    /// <param name="sysfs">Where sysfs is mounted; it shows the netdevs of the namespace it was mounted in.</param>
    /// <exception cref="LinuxException">This kernel has no devlink (ENOENT); the namespace can't be entered or the socket not be made.</exception>
    public static DevlinkClient Open(NetNamespace? ns = null, string sysfs = "/sys")
    {
        var sockets = new NamespaceSockets(ns);
        try
        {
            return new DevlinkClient(sockets, new PciBus(sysfs));
        }
        catch
        {
            sockets.Dispose();
            throw;
        }
    }

    /// <summary>Subscribes to what happens to devices and ports.</summary>
    public DevlinkMonitor OpenMonitor()
    {
        const string Operation = "subscribe to devlink changes";
        if (!_family.Groups.TryGetValue(DevlinkProtocol.ConfigGroup, out var group))
        {
            throw new NetlinkException(Operation, Errno.ENOENT, $"the kernel's devlink has no group \"{DevlinkProtocol.ConfigGroup}\"");
        }

        return new DevlinkMonitor(_sockets.SubscribeToGeneric(group, Operation));
    }

    /// <summary>All devices.</summary>
    public partial IReadOnlyList<DevlinkHandle> GetDevices();

    /// <summary>Driver, serial numbers and versions of a device.</summary>
    /// <exception cref="NetlinkException">The driver tells nothing (EOPNOTSUPP), …</exception>
    public partial DevlinkInfo GetInfo(DevlinkHandle device);

    /// <summary>How a device's switch works.</summary>
    /// <exception cref="NetlinkException">It has none (EOPNOTSUPP), …</exception>
    public partial DevlinkEswitch GetEswitch(DevlinkHandle device);

    /// <summary>Sets how a device's switch works. The driver builds its netdevs anew, which takes seconds; existing functions may hinder it.</summary>
    /// <exception cref="NetlinkException">It can't (EOPNOTSUPP), something hinders it (EBUSY, EINVAL), …</exception>
    public partial void SetEswitchMode(DevlinkHandle device, DevlinkEswitchMode mode);

    /// <summary>Ports of one device, or of all; of every flavour.</summary>
    public partial IReadOnlyList<DevlinkPort> GetPorts(DevlinkHandle? device = null);

    /// <summary>Finds a port.</summary>
    /// <returns>Null if there is none, or no such device.</returns>
    public partial DevlinkPort? GetPort(DevlinkHandle device, uint index);

    /// <summary>Makes a subfunction, not active, without an address of its own.</summary>
    /// <returns>Its port.</returns>
    /// <exception cref="NetlinkException">The device makes none, or not in its switch's mode (EOPNOTSUPP), the number is taken (EEXIST), all are used up (ENOSPC), …</exception>
    public partial DevlinkPort CreateSubfunction(SubfunctionSpec spec);

    /// <summary>Deletes a port with its function and the function's netdev, wherever that is. It may still go on for a moment after this returns.</summary>
    /// <returns>False if there was none.</returns>
    /// <exception cref="NetlinkException">The port is not one that can be deleted (EOPNOTSUPP), …</exception>
    public partial bool DeletePort(DevlinkHandle device, uint index);

    /// <summary>Changes the function behind a port.</summary>
    /// <exception cref="NetlinkException">There is none (ENODEV), the driver does not take it (EOPNOTSUPP), the address of an active function can't change (EBUSY), …</exception>
    public partial void SetFunction(DevlinkHandle device, uint index, FunctionChange change);

    /// <summary>What the function behind a port may send.</summary>
    /// <returns>Null if the driver limits none (for this port).</returns>
    public partial DevlinkRate? GetRate(DevlinkHandle device, uint portIndex);

    /// <summary>Limits what the function behind a port may send; null in <paramref name="rate"/> leaves a thing as it is.</summary>
    /// <exception cref="NetlinkException">The driver can't (EOPNOTSUPP), or has no rates for this port (ENODEV), …</exception>
    public partial void SetRate(DevlinkHandle device, uint portIndex, DevlinkRate rate);

    /// <summary>
    /// Switches a subfunction on, unless it is, and waits until its driver works with it and its netdev is there. Woken by the kernel's notifications
    /// alone. What a failure leaves, an active function that may still come up, is the caller's to delete (<see cref="DeletePort"/>).
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="index">The subfunction's port.</param>
    /// <param name="limit">How long to wait, after the kernel has taken the request.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="NetlinkException">
    /// There is no such port, or it vanished meanwhile (ENODEV); it is no subfunction or another host's (EOPNOTSUPP); it was switched off meanwhile (ECANCELED);
    /// the time is over (ETIMEDOUT); the driver refused (its own error).
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public partial Subfunction ActivateSubfunction(DevlinkHandle device, uint index, TimeSpan limit, CancellationToken cancellation = default);

    /// <inheritdoc/>
    public void Dispose()
    {
        _genetlink.Dispose();
        _sockets.Dispose();
    }
}
