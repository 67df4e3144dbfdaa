using ACCOffload.Daemon;
using ACCOffload.HostStub.Devices;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Diagnosis;

/// <content>The hardware that virtual functions and subfunctions come from.</content>
internal sealed partial class Doctor
{
    private void VirtualFunctions(DoctorReport report)
    {
        foreach (var selector in config.Devices.Vf.PhysicalFunctions)
        {
            var found = VfKind.Select(hardware.Bus, [selector]);
            if (found.Length == 0)
            {
                report.Wrong("device", $"there is no physical function {selector}", "give an interface, a PCI address or vendor:device that is there (Device:Vf:PhysicalFunctions); 'lspci -Dnn' lists them");
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
            report.Wrong("device", $"no driver is bound to the physical function {address}", "load the driver of the NIC; 'lspci -k' names it");
            return;
        }
        if (hardware.Bus.Sriov(address) is not { Total: > 0 } sriov)
        {
            report.Wrong("device", $"{address} ({driver}) can have no virtual functions", "turn SR-IOV on in the firmware; the kernel needs CONFIG_PCI_IOV");
            return;
        }
        if (config.Devices.Vf.Count > sriov.Total)
        {
            report.Wrong("device", $"{address} ({driver}) can have {sriov.Total} virtual functions, and Device:Vf:Count is {config.Devices.Vf.Count}", $"give {sriov.Total} at most, or more in the firmware");
            return;
        }
        if (config.Devices.Vf.Count > 0 && sriov.Current != config.Devices.Vf.Count)
        {
            report.Doubt("device", $"{address} has {sriov.Current} virtual functions of {config.Devices.Vf.Count}", "the agent makes them while no pod has one; journalctl --unit host-stub-agent");
        }

        if (function.Netdevs.Count == 0 && (config.Devices.Vf.HasSettings || config.Devices.Vf.Mac == ACCOffload.HostStub.Devices.FunctionMac.Random))
        {
            report.Wrong("device", $"the physical function {address} ({driver}) has no interface, so nothing can be set at its virtual ones", "give it back to the host's namespace, or leave Device:Vf:Mac, :Vlan, :Trust, :SpoofCheck and :MaxRateMbit alone");
        }

        using (var links = hardware.OpenLinks())
        {
            if (HostHardware.FirstLink(function.Netdevs, links) is { IsUp: false } link)
            {
                report.Doubt("device", $"{link.Name}, the physical function {address}, is down", $"ip link set {link.Name} up; the agent does so for the first pod");
            }
        }
        var idle = hardware.Bus.VirtualFunctions(address).Where(f => hardware.Bus.Get(f.Address)?.Driver is null).ToArray();
        if (idle.Length > 0)
        {
            report.Wrong("device", $"no driver is bound to {idle.Length} of the virtual functions of {address}, {idle[0].Address} first", "load the driver of the virtual functions; sriov_drivers_autoprobe has to be 1");
        }
        else
        {
            report.Right("device", $"{address} ({driver}): {sriov.Current} virtual functions of {sriov.Total} that it can have");
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
                report.Wrong("device", $"there is no devlink device {device}", "give one that is there (Device:Sf:Device); 'devlink dev' lists them");
                return;
            }
            var mode = Eswitch(devlink, device);
            if (mode is not (null or DevlinkEswitchMode.Switchdev))
            {
                report.Doubt("device", $"{device} switches in mode {mode.ToString()!.ToLowerInvariant()}; most drivers make subfunctions in mode switchdev only", $"devlink dev eswitch set {device} mode switchdev");
            }
            else
            {
                report.Right("device", $"{device}: {devlink.GetPorts(device).Count(p => p.Flavour == DevlinkPortFlavour.PciSf)} subfunctions");
            }
        }
        catch (LinuxException e)
        {
            report.Wrong("device", $"devlink does not answer: {e.Message}", "subfunctions need a kernel with CONFIG_NET_DEVLINK, and CAP_NET_ADMIN");
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
