using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.Vports;

/// <summary>
/// Ensures that each of the ACC's own subfunctions exists, is active and up, and has its name and queues. Existing ones are reused.
/// </summary>
/// <param name="devlink">Manages the subfunctions.</param>
/// <param name="route">Manages the subfunctions' links.</param>
/// <param name="setQueues">Sets the number of queue pairs of a link.</param>
/// <param name="activationTimeout">How long a driver may take to activate a subfunction.</param>
internal sealed class SubfunctionProvisioner(
    DevlinkClient devlink, RouteNetlink route, Action<string, int> setQueues, TimeSpan activationTimeout)
{
    /// <returns>The subfunction's link.</returns>
    /// <exception cref="LinuxException">The kernel or the driver reported an error; a subfunction created by this call is
    /// deleted.</exception>
    public LinkInfo Ensure(string name, SubfunctionSettings wanted, CancellationToken cancellationToken)
    {
        var found = devlink.GetPorts(wanted.Device).FirstOrDefault(p =>
            p is { Flavour: DevlinkPortFlavour.PciSf, External: false } && p.PfNumber == wanted.PfNumber && p.SfNumber == wanted.SfNumber);
        var port = found ?? devlink.CreateSubfunction(
            new SubfunctionSpec { Device = wanted.Device, PfNumber = wanted.PfNumber, SfNumber = wanted.SfNumber });
        try
        {
            if (wanted.Mac is { } mac && port.FunctionMac != mac)
            {
                // Drivers accept a MAC address only while the function is inactive; its link is removed and created again.
                if (port.FunctionActive == true)
                {
                    devlink.SetFunction(wanted.Device, port.Index, new FunctionChange { Active = false });
                }

                devlink.SetFunction(wanted.Device, port.Index, new FunctionChange { Mac = mac });
            }

            var function = devlink.ActivateSubfunction(wanted.Device, port.Index, activationTimeout, cancellationToken);
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
        var link = route.GetLink(function.NetdevIndex)
            ?? throw new LinuxException($"find the link of subfunction {wanted.SfNumber} of {wanted.Device}", Errno.ENODEV);
        if (link.Name != name)
        {
            // Kernels before 6.2 rename a link only while it is down.
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
            // Report the original error; the next start reuses the subfunction.
        }
    }
}
