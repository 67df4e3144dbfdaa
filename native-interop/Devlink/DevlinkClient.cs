using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Devlink;

/// <summary>
/// Devlink devices, their ports and functions in one network namespace (devlink over generic netlink). Thread-safe; requests are
/// serialized. Every method throws <see cref="NetlinkException"/> with the kernel's message when the kernel refuses, and after five seconds
/// without an answer; ENODEV means that there is no such device.
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
            _family = _genetlink.FindFamily(DevlinkProtocol.DEVLINK_GENL_NAME, Operation)
                ?? throw new NetlinkException(Operation, Errno.ENOENT,
                    "this kernel has no devlink; subfunctions and switch modes need one built with CONFIG_NET_DEVLINK");
        }
        catch
        {
            _genetlink.Dispose();
            throw;
        }
    }

    /// <summary>Opens devlink in a namespace. Devices are in the initial namespace unless they were moved.</summary>
    /// <param name="ns">The namespace, which may be closed afterwards; null for the calling thread's.</param>
    /// <param name="sysfs">Where sysfs is mounted; it shows the netdevs of the namespace it was mounted in.</param>
    /// <exception cref="LinuxException">
    /// This kernel has no devlink (ENOENT); the namespace can't be entered, or the socket can't be created.
    /// </exception>
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

    /// <summary>Subscribes to device and port events.</summary>
    public DevlinkMonitor OpenMonitor()
    {
        const string Operation = "subscribe to devlink events";
        if (!_family.Groups.TryGetValue(DevlinkProtocol.DEVLINK_GENL_MCGRP_CONFIG_NAME, out var group))
        {
            throw new NetlinkException(
                Operation, Errno.ENOENT, $"the kernel's devlink has no group \"{DevlinkProtocol.DEVLINK_GENL_MCGRP_CONFIG_NAME}\"");
        }

        return new DevlinkMonitor(_sockets.SubscribeToGeneric(group, Operation));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _genetlink.Dispose();
        _sockets.Dispose();
    }
}
