using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.Vports;

/// <summary>Sees to it that the ACC's own subfunctions are there, active, named and up, with their queues. What is there already is taken over.</summary>
/// <param name="devlink">The devices.</param>
/// <param name="route">The links of the functions.</param>
/// <param name="setQueues">Gives a link, by name, its queues.</param>
/// <param name="limit">How long the driver of one may take.</param>
internal sealed class SubfunctionMaker(DevlinkClient devlink, RouteNetlink route, Action<string, int> setQueues, TimeSpan limit)
{
    /// <returns>The link.</returns>
    /// <exception cref="LinuxException">The kernel or the driver refused; what this call made is deleted again.</exception>
    public LinkInfo Ensure(string name, SubfunctionSettings wanted, CancellationToken cancellationToken)
    {
        var found = devlink.GetPorts(wanted.Device).FirstOrDefault(p =>
            p is { Flavour: DevlinkPortFlavour.PciSf, External: false } && p.PfNumber == wanted.PfNumber && p.SfNumber == wanted.SfNumber);
        var port = found ?? devlink.CreateSubfunction(new SubfunctionSpec { Device = wanted.Device, PfNumber = wanted.PfNumber, SfNumber = wanted.SfNumber });
        try
        {
            if (wanted.Mac is { } mac && port.FunctionMac != mac)
            {
                // Drivers take an address only while the function is off; its link goes, and comes again.
                if (port.FunctionActive == true)
                {
                    devlink.SetFunction(wanted.Device, port.Index, new FunctionChange { Active = false });
                }

                devlink.SetFunction(wanted.Device, port.Index, new FunctionChange { Mac = mac });
            }

            var function = devlink.ActivateSubfunction(wanted.Device, port.Index, limit, cancellationToken);
            return Configure(name, wanted, function);
        }
        catch (Exception e) when (found is null && e is LinuxException or OperationCanceledException)
        {
            Delete(wanted.Device, port.Index);
            throw;
        }
    }

    private LinkInfo Configure(string name, SubfunctionSettings wanted, Subfunction function)
    {
        var link = route.GetLink(function.NetdevIndex) ?? throw new LinuxException($"find the link of subfunction {wanted.SfNumber} of {wanted.Device}", Errno.ENODEV);
        if (link.Name != name)
        {
            // Kernels before 6.2 rename only what is down.
            if (link.IsUp)
            {
                route.SetLink(link.Index, new LinkChange { Up = false });
            }

            route.SetLink(link.Index, new LinkChange { Name = name });
        }

        if (wanted.Queues > 0)
        {
            setQueues(name, wanted.Queues);
        }

        route.SetLink(link.Index, new LinkChange { Up = true });
        return route.GetLink(link.Index) ?? throw new LinuxException($"find link {name}", Errno.ENODEV);
    }

    private void Delete(DevlinkHandle device, uint index)
    {
        try
        {
            devlink.DeletePort(device, index);
        }
        catch (LinuxException)
        {
            // The first failure is the one to tell; the next start takes this one over.
        }
    }
}
