using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Devlink;

/// <content>Activation of a subfunction.</content>
public sealed partial class DevlinkClient
{
    /// <summary>
    /// Activates a subfunction if necessary and waits until its driver is attached and its netdev exists. Driven by kernel notifications,
    /// without polling. After a failure, the function may be active and still come up, so the caller should delete it
    /// (<see cref="DeletePort"/>).
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="index">The subfunction's port.</param>
    /// <param name="limit">How long to wait after the kernel accepted the request.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="NetlinkException">
    /// The port does not exist or disappeared (ENODEV); it is not a subfunction, or belongs to another host (EOPNOTSUPP); it was
    /// deactivated during the wait (ECANCELED); the wait timed out (ETIMEDOUT); the driver refused (its own error).
    /// </exception>
    /// <exception cref="OperationCanceledException">The wait was canceled.</exception>
    public Subfunction ActivateSubfunction(DevlinkHandle device, uint index, TimeSpan limit, CancellationToken cancellation = default)
    {
        var operation = $"activate the subfunction of devlink port {device}/{index}";
        // Subscribe first, so that no event between the request and the first check is missed.
        using var ports = OpenMonitor();
        var subscription = _sockets.SubscribeToLinks();
        using var links = new LinkMonitor(subscription, subscription.Handle);
        using var route = new RouteNetlink(new NetlinkConnection(_sockets.OpenRoute()));
        var port = GetPort(device, index) ?? throw NotFound(operation);
        if (port is not { Flavour: DevlinkPortFlavour.PciSf, SfNumber: { } number })
        {
            throw new NetlinkException(operation, Errno.EOPNOTSUPP, "the port does not belong to a subfunction");
        }

        if (port.External)
        {
            throw new NetlinkException(operation, Errno.EOPNOTSUPP, "the subfunction belongs to another host; its netdev appears there");
        }
        // A netdev that exists before activation belongs to an earlier subfunction that is still being removed.
        var earlier = port.FunctionActive == true ? null : FindNetdev(device, number, route);
        if (port.FunctionActive != true)
        {
            SetFunction(device, index, new FunctionChange { Active = true });
        }

        using var wait = new EventWait(limit, cancellation, ports.Handle, links.Handle);
        // Events from before the request are stale. Discard them and read the port itself.
        _ = DrainEvents(ports, links, device, index);
        for (var (changed, timedOut) = (true, false); ;)
        {
            if (changed)
            {
                port = CheckPort(device, index, number, operation);
            }

            if (FindNetdev(device, number, route) is { } netdev && (port.FunctionAttached == true || netdev.Index != earlier?.Index))
            {
                // Some drivers send no event when the function's driver attaches. The netdev shows it.
                port = CheckPort(device, index, number, operation);
                return new Subfunction(port, netdev.Auxiliary, netdev.Name, netdev.Index);
            }
            if (timedOut)
            {
                var missing = port.FunctionAttached == true
                    ? "its driver attached, but its netdev did not appear"
                    : "no driver attached to it";
                throw new NetlinkException(operation, Errno.ETIMEDOUT, $"within {limit.TotalSeconds:0.###} s {missing}");
            }
            // Check everything once more after the timeout, whatever events arrived.
            timedOut = !wait.Next();
            changed = DrainEvents(ports, links, device, index) || timedOut;
        }
    }

    private DevlinkPort CheckPort(DevlinkHandle device, uint index, uint number, string operation)
    {
        var port = GetPort(device, index);
        if (port is null || port.SfNumber != number)
        {
            throw NotFound($"{operation}: the port disappeared");
        }
        // A driver that reports no state gives no sign of deactivation.
        return port.FunctionActive != false ? port
            : throw new NetlinkException(operation, Errno.ECANCELED, "the subfunction was deactivated during the wait");
    }

    private static NetlinkException NotFound(string operation) => new(operation, Errno.ENODEV);

    private static bool DrainEvents(DevlinkMonitor ports, LinkMonitor links, DevlinkHandle device, uint index)
    {
        var ours = false;
        while (ports.TryRead(out var change))
        {
            ours |= change.Kind == DevlinkEventKind.Lost
                || (change.Device == device && (change.Port is null || change.Port.Index == index));
        }
        // Any link event is a reason to look for the netdev, which the caller does in any case.
        while (links.TryRead(out _))
        {
        }
        return ours;
    }

    private (string Auxiliary, string Name, int Index)? FindNetdev(DevlinkHandle device, uint number, RouteNetlink route)
    {
        foreach (var auxiliary in _bus.AuxiliaryDevices(device, number))
        {
            foreach (var name in auxiliary.Netdevs)
            {
                // If it is renamed between the two reads, the kernel sends an event and the next check finds it by its new name.
                if (InterfaceName.IsValid(name) && route.GetLink(name) is { } link)
                {
                    return (auxiliary.Name, link.Name, link.Index);
                }
            }
            // Sysfs shows the netdevs of the namespace it was mounted in, which may differ from ours.
            foreach (var link in route.GetLinks())
            {
                if (link.ParentBus == "auxiliary" && link.ParentDevice == auxiliary.Name)
                {
                    return (auxiliary.Name, link.Name, link.Index);
                }
            }
        }
        return null;
    }
}
