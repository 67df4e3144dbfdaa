using ACCOffload.Daemon;
using ACCOffload.HostStub.Devices;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Diagnosis;

/// <content>The hardware for virtual functions and subfunctions.</content>
internal sealed partial class Doctor
{
    private void VirtualFunctions(DoctorReport report)
    {
        foreach (var selector in config.Devices.Vf.PhysicalFunctions)
        {
            var found = VfKind.Select(hardware.Bus, [selector]);
            if (found.Length == 0)
            {
                report.Wrong(
                    "device",
                    $"there is no physical function {selector}",
                    "give an existing interface, PCI address or vendor:device (Device:Vf:PhysicalFunctions); 'lspci -Dnn' lists them");
            }

            foreach (var address in found)
            {
                PhysicalFunction(report, address);
            }
        }
    }

    private void PhysicalFunction(DoctorReport report, string address)
    {
        if (hardware.Bus.Get(address) is not { } function)
        {
            return;
        }

        if (function.Driver is not { } driver)
        {
            report.Wrong(
                "device", $"no driver is bound to the physical function {address}", "load the driver of the NIC; 'lspci -k' names it");
            return;
        }
        if (hardware.Bus.Sriov(address) is not { Total: > 0 } sriov)
        {
            report.Wrong(
                "device",
                $"{address} ({driver}) supports no virtual functions",
                "enable SR-IOV in the firmware; the kernel needs CONFIG_PCI_IOV");
            return;
        }
        if (config.Devices.Vf.Count > sriov.Total)
        {
            report.Wrong(
                "device",
                $"{address} ({driver}) supports {sriov.Total} virtual functions, but Device:Vf:Count is {config.Devices.Vf.Count}",
                $"set it to at most {sriov.Total}, or enable more in the firmware");
            return;
        }
        if (config.Devices.Vf.Count > 0 && sriov.Current != config.Devices.Vf.Count)
        {
            report.Doubt(
                "device",
                $"{address} has {sriov.Current} virtual functions of {config.Devices.Vf.Count}",
                "the agent creates them while no pod uses one; journalctl --unit host-stub-agent");
        }

        if (function.Netdevs.Count == 0 && (config.Devices.Vf.HasSettings || config.Devices.Vf.Mac == FunctionMac.Random))
        {
            report.Wrong(
                "device",
                $"the physical function {address} ({driver}) has no interface, so its virtual functions can't be configured",
                "return it to the host's namespace, or do not set Device:Vf:Mac, :Vlan, :Trust, :SpoofCheck and :MaxRateMbit");
        }

        using (var links = hardware.OpenLinks())
        {
            if (HostHardware.FirstLink(function.Netdevs, links) is { IsUp: false } link)
            {
                report.Doubt(
                    "device",
                    $"{link.Name}, the physical function {address}, is down",
                    $"ip link set {link.Name} up; the agent does this for the first pod");
            }
        }
        var unbound = hardware.Bus.VirtualFunctions(address).Where(f => hardware.Bus.Get(f.Address)?.Driver is null).ToArray();
        if (unbound.Length > 0)
        {
            report.Wrong(
                "device",
                $"no driver is bound to {unbound.Length} of the virtual functions of {address}, such as {unbound[0].Address}",
                "load the driver of the virtual functions; sriov_drivers_autoprobe must be 1");
        }
        else
        {
            report.Right("device", $"{address} ({driver}): {sriov.Current} of at most {sriov.Total} virtual functions");
        }
    }

    private void Subfunctions(DoctorReport report)
    {
        if (config.Devices.Sf.Device is not { } device)
        {
            return;
        }

        try
        {
            using var devlink = hardware.OpenDevlink();
            if (!devlink.GetDevices().Contains(device))
            {
                report.Wrong(
                    "device", $"there is no devlink device {device}", "give an existing one (Device:Sf:Device); 'devlink dev' lists them");
                return;
            }
            var mode = Eswitch(devlink, device);
            if (mode is not (null or DevlinkEswitchMode.Switchdev))
            {
                report.Doubt(
                    "device",
                    $"{device} is in eswitch mode {mode.ToString()!.ToLowerInvariant()}; most drivers create subfunctions in mode "
                        + "switchdev only",
                    $"devlink dev eswitch set {device} mode switchdev");
            }
            else
            {
                report.Right(
                    "device", $"{device}: {devlink.GetPorts(device).Count(p => p.Flavour == DevlinkPortFlavour.PciSf)} subfunctions");
            }
        }
        catch (LinuxException e)
        {
            report.Wrong("device", $"devlink failed: {e.Message}", "subfunctions need a kernel with CONFIG_NET_DEVLINK, and CAP_NET_ADMIN");
        }
    }

    private static DevlinkEswitchMode? Eswitch(DevlinkClient devlink, DevlinkHandle device)
    {
        try
        {
            return devlink.GetEswitch(device).Mode;
        }
        catch (NetlinkException e) when (e.Errno == Errno.EOPNOTSUPP)
        {
            return null;
        }
    }
}
