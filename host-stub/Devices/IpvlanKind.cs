using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// An ipvlan link in layer 2 and VEPA mode on a parent link of the host: all its pods share the parent's MAC and port, and reach each other
/// through the pipeline. Layer 3 mode is not offered: traffic between two such pods never leaves the parent, so no policy would apply to
/// it.
/// </summary>
internal sealed class IpvlanKind(IpvlanConfig config) : IDeviceKind
{
    public string Kind => "ipvlan";

    public int DefaultLimit => 4096;

    public DevicePlan Plan(PlanRequest request)
    {
        // All pods share the parent, so none gets a device while it is quarantined.
        if (request.Quarantined.Contains(config.Parent))
        {
            throw new CniException(
                CniErrorCode.TryAgainLater,
                $"the parent {config.Parent} of ipvlan devices is set aside",
                "host-stub devices shows why, and until when");
        }

        using var host = RouteNetlink.Open();
        var mac = Parent(host).Mac;
        if (request.Mac is { } wanted && wanted != mac)
        {
            throw new CniException(
                CniErrorCode.UnsupportedField,
                $"unsupported field runtimeConfig.mac = {wanted} in the network configuration",
                $"an ipvlan interface has its parent's MAC, {mac}");
        }

        return new DevicePlan(config.Parent, config.Port, mac);
    }

    public PodInterface Create(PortRequest request, PodNetwork pod)
    {
        using var host = RouteNetlink.Open();
        var parent = Parent(host);
        if (parent.Mac != request.Mac)
        {
            throw new CniException(
                CniErrorCode.TryAgainLater, $"the MAC of the parent {config.Parent} has just changed", $"{parent.Mac}, not {request.Mac}");
        }

        if (!parent.IsUp)
        {
            host.SetUp(parent.Index);
        }
        // A NIC completes checksums and segments packets. A veth leaves both undone, but the pipeline at its other end needs complete
        // packets.
        if (parent.Kind == "veth")
        {
            host.DisableOffloads(parent.Name);
        }

        host.CreateIpvlan(new IpvlanSpec
        {
            Name = pod.InterfaceName,
            Parent = parent.Index,
            Namespace = pod.Namespace,
            Mtu = Math.Min(request.Mtu, parent.Mtu),
        });
        var link = pod.Find() ?? throw new LinuxException($"find {pod.InterfaceName} on {config.Parent}", Errno.ENODEV);
        pod.Links.SetAlias(link.Index, request.Alias);
        return new PodInterface(link.Index, request.Mac);
    }

    public Task DeleteAsync(Claim claim) => Task.Run(() => PodDevices.UseForRemoval(claim, static (pod, link) =>
    {
        if (link.Kind == "ipvlan")
        {
            pod.Links.DeleteLink(link.Index);
        }
    }));

    public bool CanRestore(Claim claim)
    {
        if (!PodDevices.HasLostDevice(claim))
        {
            return false;
        }

        using var host = RouteNetlink.Open();
        return host.GetLink(config.Parent)?.Mac == claim.Mac;
    }

    public string? Problem(Claim claim)
    {
        using var host = RouteNetlink.Open();
        return host.GetLink(config.Parent) switch
        {
            null => $"the parent {config.Parent} is gone",
            { IsUp: false } => $"the parent {config.Parent} is down",
            _ => null,
        };
    }

    private LinkInfo Parent(RouteNetlink host) =>
        host.GetLink(config.Parent)
            ?? throw new CniException(
                CniErrorCode.TryAgainLater,
                $"the parent {config.Parent} of ipvlan devices does not exist",
                "Device:Ipvlan:Parent names it");
}
