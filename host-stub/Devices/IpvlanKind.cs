using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// An ipvlan link in layer 2 and VEPA on a parent of the host: all pods of it have the parent's MAC and port, and reach each other through the pipeline.
/// Layer 3 is not offered: what one such pod sends another never leaves the parent, and no policy sees it.
/// </summary>
internal sealed class IpvlanKind(IpvlanConfig config) : IDeviceKind
{
    public string Kind => "ipvlan";

    public int DefaultLimit => 4096;

    public bool MadeByTarget => false;

    public IReadOnlyList<string> Devices() => [];

    public DevicePlan Plan(PlanRequest request)
    {
        // It is everybody's device, so nobody gets one while it is set aside.
        if (request.SetAside.Contains(config.Parent))
        {
            throw new CniException(CniErrorCode.TryAgainLater, $"the parent {config.Parent} of ipvlan devices is set aside", "host-stub devices tells why, and until when");
        }

        using var host = RouteNetlink.Open();
        var mac = Parent(host).Mac;
        if (request.Mac is { } wanted && wanted != mac)
        {
            throw new CniException(CniErrorCode.UnsupportedField, $"unsupported field runtimeConfig.mac = {wanted} in the network configuration", $"an ipvlan interface has its parent's MAC, {mac}");
        }

        return new DevicePlan(config.Parent, config.Port, mac);
    }

    public MadePort Create(PortRequest request, PodNetwork pod)
    {
        using var host = RouteNetlink.Open();
        var parent = Parent(host);
        if (parent.Mac != request.Mac)
        {
            throw new CniException(CniErrorCode.TryAgainLater, $"the parent {config.Parent} got another MAC just now", $"{parent.Mac}, not {request.Mac}");
        }

        if (!parent.IsUp)
        {
            host.SetUp(parent.Index);
        }
        // A NIC finishes checksums and cuts segments. A veth hands them on as they are, and the pipeline at its other end takes whole packets.
        if (parent.Kind == "veth")
        {
            host.DisableOffloads(parent.Name);
        }

        host.CreateIpvlan(new IpvlanSpec { Name = pod.InterfaceName, Parent = parent.Index, Namespace = pod.Namespace, Mtu = Math.Min(request.Mtu, parent.Mtu) });
        var link = pod.Find() ?? throw new LinuxException($"find {pod.InterfaceName} on {config.Parent}", Errno.ENODEV);
        pod.Links.SetAlias(link.Index, request.Alias);
        return new MadePort(link.Index, request.Mac);
    }

    public Task DeleteAsync(Claim claim) => Task.Run(() => PodDevices.ForRemoval(claim, static (pod, link) =>
    {
        if (link.Kind == "ipvlan")
        {
            pod.Links.DeleteLink(link.Index);
        }
    }));

    public IReadOnlySet<AttachmentKey> Present(IReadOnlyList<Claim> claims) => PodDevices.Present(claims);

    public bool CanRestore(Claim claim)
    {
        using var host = RouteNetlink.Open();
        return host.GetLink(config.Parent)?.Mac == claim.Mac;
    }

    public string? Problem(Claim claim)
    {
        using var host = RouteNetlink.Open();
        return host.GetLink(config.Parent) is not { } parent ? $"the parent {config.Parent} is gone" : parent.IsUp ? null : $"the parent {config.Parent} is down";
    }

    private LinkInfo Parent(RouteNetlink host) =>
        host.GetLink(config.Parent) ?? throw new CniException(CniErrorCode.TryAgainLater, $"the parent {config.Parent} of ipvlan devices is not there", "Device:Ipvlan:Parent names it");
}
