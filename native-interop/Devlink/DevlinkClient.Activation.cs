using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Devlink;

/// <content>Waiting for a subfunction.</content>
public sealed partial class DevlinkClient
{
    public partial Subfunction ActivateSubfunction(DevlinkHandle device, uint index, TimeSpan limit, CancellationToken cancellation)
    {
        var operation = $"activate the subfunction of devlink port {device}/{index}";
        // Listen first, so that nothing is missed between the request and the first look.
        using var ports = OpenMonitor();
        var subscription = _sockets.SubscribeToLinks();
        using var links = new LinkMonitor(subscription, subscription.Handle);
        using var route = new RouteNetlink(new NetlinkConnection(_sockets.OpenRoute()));
        var port = GetPort(device, index) ?? throw Absent(operation);
        if (port is not { Flavour: DevlinkPortFlavour.PciSf, SfNumber: { } number })
        {
            throw new NetlinkException(operation, Errno.EOPNOTSUPP, "the port is no subfunction's");
        }

        if (port.External)
        {
            throw new NetlinkException(operation, Errno.EOPNOTSUPP, "the subfunction is another host's, where its netdev appears");
        }
        // A netdev that is there before the function is switched on belongs to an earlier one that is still going away.
        var earlier = port.FunctionActive == true ? null : FindNetdev(device, number, route);
        if (port.FunctionActive != true)
        {
            SetFunction(device, index, new FunctionChange { Active = true });
        }

        using var wait = new EventWait(limit, cancellation, ports.Handle, links.Handle);
        // What was told before the request was taken is old: the port itself is looked at now.
        _ = TakeAll(ports, links, device, index);
        for (var (changed, timeOver) = (true, false); ;)
        {
            if (changed)
            {
                port = Look(device, index, number, operation);
            }

            if (FindNetdev(device, number, route) is { } netdev && (port.FunctionAttached == true || netdev.Index != earlier?.Index))
            {
                // Some drivers tell nobody that the function's driver attached. Its netdev tells.
                port = Look(device, index, number, operation);
                return new Subfunction(port, netdev.Auxiliary, netdev.Name, netdev.Index);
            }
            if (timeOver)
            {
                var missing = port.FunctionAttached == true
                    ? "its driver attached, but its netdev did not appear"
                    : "no driver attached to it";
                throw new NetlinkException(operation, Errno.ETIMEDOUT, $"within {limit.TotalSeconds:0.###} s {missing}");
            }
            // After the time is over everything is looked at once more, whatever was told or not.
            timeOver = !wait.Next();
            changed = TakeAll(ports, links, device, index) || timeOver;
        }
    }

    private DevlinkPort Look(DevlinkHandle device, uint index, uint number, string operation)
    {
        var port = GetPort(device, index);
        if (port is null || port.SfNumber != number)
        {
            throw Absent($"{operation}: it vanished meanwhile");
        }
        // Where the driver tells no state, nothing says that it was switched off.
        return port.FunctionActive != false ? port : throw new NetlinkException(operation, Errno.ECANCELED, "it was switched off while it was waited for");
    }

    private static NetlinkException Absent(string operation) => new(operation, Errno.ENODEV);

    private static bool TakeAll(DevlinkMonitor ports, LinkMonitor links, DevlinkHandle device, uint index)
    {
        var ours = false;
        while (ports.TryRead(out var change))
        {
            ours |= change.Kind == DevlinkEventKind.Lost || (change.Device == device && (change.Port is null || change.Port.Index == index));
        }
        // A link that came or went is reason to look for the netdev, which is done anyway.
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
                // It may be renamed between the two readings; then the kernel tells of it, and it is found by its new name.
                if (InterfaceName.IsValid(name) && route.GetLink(name) is { } link)
                {
                    return (auxiliary.Name, link.Name, link.Index);
                }
            }
            // Sysfs shows the netdevs of the namespace it was mounted in, which need not be ours.
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
