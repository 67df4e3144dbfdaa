using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// A link of the host that a pod has for a while. It goes to the pod's namespace and comes back with the name, the MAC and the MTU that it had; when
/// the namespace ends without us the kernel brings it back, down and under the pod's name. Every step can be repeated.
/// </summary>
internal static class LentLink
{
    /// <summary>Moves the link into the pod as the interface.</summary>
    /// <param name="host">A socket in the host's namespace.</param>
    /// <param name="link">The link, there.</param>
    /// <param name="request">What the pod is to see.</param>
    /// <param name="pod">The pod.</param>
    /// <param name="setMac">Gives the link the MAC, while it is down.</param>
    /// <returns>The interface's index in the pod's namespace.</returns>
    public static int Lend(RouteNetlink host, LinkInfo link, PortRequest request, PodNetwork pod, Action<LinkInfo, MacAddress> setMac)
    {
        // Down first: older kernels neither rename a link that is up nor let every driver change its MAC.
        host.SetLink(link.Index, new LinkChange { Up = false, Alias = request.Alias });
        if (link.Mac != request.Mac)
        {
            request.GiveMac(() =>
            {
                setMac(link, request.Mac);
                return true;
            });
        }
        if (link.Mtu != request.Mtu)
        {
            SetMtu(host, link, request.Mtu);
        }

        Move(host, link, pod);
        var moved = pod.Find() ?? throw new LinuxException($"find {pod.InterfaceName} after {link.Name} was moved", Errno.ENODEV);
        return moved.Index;
    }

    private static void SetMtu(RouteNetlink host, LinkInfo link, int mtu)
    {
        try
        {
            host.SetMtu(link.Index, mtu);
        }
        catch (NetlinkException e) when (e.Errno is Errno.EINVAL or Errno.ERANGE or Errno.EMSGSIZE)
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, $"mtu {mtu} is not one that {link.Name} can have", e.Message);
        }
    }

    // The name was free a moment ago, and is one that the kernel takes.
    private static void Move(RouteNetlink host, LinkInfo link, PodNetwork pod)
    {
        try
        {
            host.MoveToNamespace(link.Index, pod.Namespace, pod.InterfaceName);
        }
        catch (NetlinkException e) when (e.Errno == Errno.EEXIST)
        {
            throw new CniException(CniErrorCode.Internal, $"interface {pod.InterfaceName} already exists in {pod.Namespace.Path}", e.Message);
        }
    }

    /// <summary>Brings the link back and makes it what it was.</summary>
    /// <param name="host">A socket in the host's namespace.</param>
    /// <param name="claim">Whose it is.</param>
    /// <param name="isIt">Tells the device by what the pod can't change; null from it: the kernel does not say.</param>
    /// <param name="findInHost">Looks for it in the host's namespace.</param>
    /// <param name="setMac">Gives the link the MAC, while it is down.</param>
    /// <returns>False when it is not in the host's namespace.</returns>
    public static bool TakeBack(RouteNetlink host, Claim claim, Func<LinkInfo, bool?> isIt, Func<LinkInfo?> findInHost, Action<LinkInfo, MacAddress> setMac)
    {
        TakeOut(claim, isIt, host);
        if (findInHost() is not { } link)
        {
            return false;
        }

        if (claim.Origin is { } origin)
        {
            Restore(host, link, origin, setMac);
        }

        return true;
    }

    private static void TakeOut(Claim claim, Func<LinkInfo, bool?> isIt, RouteNetlink host)
    {
        if (claim.NetNs.Length == 0)
        {
            return;
        }

        PodNetwork pod;
        try
        {
            pod = PodNetwork.Open(claim.NetNs, claim.Key.InterfaceName, allowHost: false);
        }
        catch (CniException)
        {
            return;
        }
        using (pod)
        {
            if (pod.Links.GetLinks().FirstOrDefault(l => isIt(l) ?? (l.Name == claim.Key.InterfaceName && l.Mac == claim.Mac)) is not { } link)
            {
                return;
            }

            pod.Links.SetLink(link.Index, new LinkChange { Up = false });
            using var ns = NetNamespace.OpenCurrent();
            // Under a name that nobody has; its own it gets there, where a name that is taken is no reason to leave it with the pod.
            pod.Links.MoveToNamespace(link.Index, ns, PortName.For(claim.Key));
        }
    }

    private static void Restore(RouteNetlink host, LinkInfo link, LinkOrigin origin, Action<LinkInfo, MacAddress> setMac)
    {
        var named = link.Name == origin.Name || (host.GetLink(origin.Name) is { } other && other.Index != link.Index);
        if (named && string.IsNullOrEmpty(link.Alias) && Same(link, origin))
        {
            return;
        }

        if (link.IsUp)
        {
            host.SetLink(link.Index, new LinkChange { Up = false });
        }

        if (origin.Mac != default && link.Mac != origin.Mac)
        {
            setMac(link, origin.Mac);
        }

        var change = new LinkChange
        {
            Name = named ? null : origin.Name,
            Mtu = origin.Mtu != 0 && link.Mtu != origin.Mtu ? origin.Mtu : null,
            Alias = "",
        };
        try
        {
            host.SetLink(link.Index, change);
        }
        catch (NetlinkException e) when (e.Errno == Errno.EEXIST && !named && host.RemoveAlternativeName(link.Index, origin.Name))
        {
            // udev gives a link that came the name it would have chosen as an alternative one, which is in the way of the name itself.
            host.SetLink(link.Index, change);
        }
    }

    private static bool Same(LinkInfo link, LinkOrigin origin) =>
        (origin.Mac == default || link.Mac == origin.Mac) && (origin.Mtu == 0 || link.Mtu == origin.Mtu);
}
