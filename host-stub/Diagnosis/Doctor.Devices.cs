using ACCOffload.Daemon;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Diagnosis;

/// <content>What pods' devices are made of.</content>
internal sealed partial class Doctor
{
    private const string Tun = "/dev/net/tun";

    // Tried in a namespace that nobody sees and that goes at once: modules may be there, built in or loaded when they are asked for, and only the kernel knows.
    private void Kernel(DoctorReport report)
    {
        using var trial = NetNamespace.CreateNameless();
        using var links = RouteNetlink.Open(trial);
        List<string> has = ["network namespaces"];
        var veth = 0;
        Try("veth", "CONFIG_VETH", () => veth = links.CreateVeth(new VethSpec { Name = "doctor0", PeerName = "doctor1" })!.Index);
        if (veth > 0 && config.Devices.Ipvlan.Parent.Length > 0)
        {
            Try("ipvlan", "CONFIG_IPVLAN", () => links.CreateIpvlan(new IpvlanSpec { Name = "doctor2", Parent = veth }));
        }

        if (config.DeviceKind == "tap" && !File.Exists(Tun))
        {
            report.Wrong("kernel", $"there is no {Tun} (CONFIG_TUN)", "modprobe tun, or another kernel");
        }

        report.Right("kernel", string.Join(", ", has));

        void Try(string kind, string option, Action make)
        {
            try
            {
                make();
                has.Add(kind);
            }
            catch (NetlinkException e)
            {
                report.Wrong("kernel", $"it makes no {kind} links ({e.Message})", $"modprobe {kind}, or a kernel with {option}");
            }
        }
    }

    /// <summary>The host's function of an E2100, 8086:1452. A virtual one may be a virtual machine's.</summary>
    private void Functions(DoctorReport report)
    {
        const string Driver = "idpf";
        foreach (var function in hardware.Bus.Find(0x8086, 0x1452).Where(f => f.PhysicalFunction is null))
        {
            if (function.Driver == Driver)
            {
                report.Right("device", $"{function.Address} (8086:1452): {Driver}, {(function.Netdevs.Count == 0 ? "without an interface here" : string.Join(", ", function.Netdevs))}");
            }
            else
            {
                report.Wrong("device", $"{function.Address} (8086:1452) has {(function.Driver is { } other ? $"the driver {other}" : "no driver")}, the host needs {Driver}", $"modprobe {Driver}; echo {function.Address} >/sys/bus/pci/drivers_probe");
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
            report.Wrong("device", $"there is no interface {name}, the parent of ipvlan pods", "give the name of a link of this host (Device:Ipvlan:Parent); 'ip link' lists them");
        }
        else if (!parent.IsUp)
        {
            report.Doubt("device", $"{name}, the parent of ipvlan pods, is down", $"ip link set {name} up; the agent does so for the first pod");
        }
        else
        {
            report.Right("device", $"{name} is up");
        }
    }
}
