using ACCOffload.Daemon;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Diagnosis;

/// <content>The kernel's support for devices.</content>
internal sealed partial class Doctor
{
    private const string Tun = "/dev/net/tun";

    // Test in a temporary namespace: a module may be built in or loaded on demand, which can only be found by trying.
    private void Kernel(DoctorReport report)
    {
        using var trial = NetNamespace.CreateNameless();
        using var links = RouteNetlink.Open(trial);
        List<string> supported = ["network namespaces"];
        var veth = 0;
        Try("veth", "CONFIG_VETH", () => veth = links.CreateVeth(new VethSpec { Name = "doctor0", PeerName = "doctor1" })!.Index);
        if (veth > 0 && config.Devices.Ipvlan.Parent.Length > 0)
        {
            Try("ipvlan", "CONFIG_IPVLAN", () => links.CreateIpvlan(new IpvlanSpec { Name = "doctor2", Parent = veth }));
        }

        if (config.DeviceKind == "tap" && !File.Exists(Tun))
        {
            report.Wrong("kernel", $"there is no {Tun} (CONFIG_TUN)", "modprobe tun, or use another kernel");
        }

        report.Right("kernel", string.Join(", ", supported));

        void Try(string kind, string option, Action make)
        {
            try
            {
                make();
                supported.Add(kind);
            }
            catch (NetlinkException e)
            {
                report.Wrong("kernel", $"it can't create {kind} links ({e.Message})", $"modprobe {kind}, or use a kernel with {option}");
            }
        }
    }

    /// <summary>The host's physical function of an E2100 (8086:1452). A virtual function may belong to a virtual machine.</summary>
    private void Functions(DoctorReport report)
    {
        const string Driver = "idpf";
        foreach (var function in hardware.Bus.Find(0x8086, 0x1452).Where(f => f.PhysicalFunction is null))
        {
            if (function.Driver == Driver)
            {
                report.Right(
                    "device",
                    $"{function.Address} (8086:1452): {Driver}, "
                        + $"{(function.Netdevs.Count == 0 ? "no interface in this namespace" : string.Join(", ", function.Netdevs))}");
            }
            else
            {
                report.Wrong(
                    "device",
                    $"{function.Address} (8086:1452) has {(function.Driver is { } other ? $"the driver {other}" : "no driver")}, but "
                        + $"needs {Driver}",
                    $"modprobe {Driver}; echo {function.Address} >/sys/bus/pci/drivers_probe");
            }
        }
    }

    private void Parent(DoctorReport report)
    {
        var name = config.Devices.Ipvlan.Parent;
        if (name.Length == 0)
        {
            return;
        }

        using var links = RouteNetlink.Open();
        if (links.GetLink(name) is not { } parent)
        {
            report.Wrong(
                "device",
                $"there is no interface {name}, the parent of ipvlan pods",
                "give the name of a link of this host (Device:Ipvlan:Parent); 'ip link' lists them");
        }
        else if (!parent.IsUp)
        {
            report.Doubt(
                "device", $"{name}, the parent of ipvlan pods, is down", $"ip link set {name} up; the agent does this for the first pod");
        }
        else
        {
            report.Right("device", $"{name} is up");
        }
    }
}
