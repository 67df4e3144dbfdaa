using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// A host link that a pod uses temporarily. It moves to the pod's namespace, and back with its original name, MAC and MTU. If the namespace
/// is destroyed first, the kernel moves the link back: down, and under the name it had in the pod. Every step can be repeated.
/// </summary>
internal static class LeasedLink
{
    /// <summary>Moves the link into the pod as the interface.</summary>
    /// <param name="host">A socket in the host's namespace.</param>
    /// <param name="link">The link, there.</param>
    /// <param name="request">The requested device.</param>
    /// <param name="pod">The pod.</param>
    /// <param name="setMac">Sets the link's MAC while it is down.</param>
    /// <returns>The interface's index in the pod's namespace.</returns>
    public static int MoveToPod(RouteNetlink host, LinkInfo link, PortRequest request, PodNetwork pod, Action<LinkInfo, MacAddress> setMac)
    {
        // Down first: older kernels can't rename a link that is up, and some drivers can't change its MAC.
        host.SetLink(link.Index, new LinkChange { Up = false, Alias = request.Alias });
        if (link.Mac != request.Mac)
        {
            request.SetMac(() =>
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

    /// <summary>Moves the link back to the host and restores its original state.</summary>
    /// <param name="host">A socket in the host's namespace.</param>
    /// <param name="claim">The claim that uses the device.</param>
    /// <param name="isDevice">Recognizes the device by something that the pod can't change; returns null when the kernel does not report
    /// it.</param>
    /// <param name="findInHost">Looks for it in the host's namespace.</param>
    /// <param name="setMac">Sets the link's MAC while it is down.</param>
    /// <returns>False when it is not in the host's namespace.</returns>
    public static bool MoveBack(
        RouteNetlink host, Claim claim, Func<LinkInfo, bool?> isDevice, Func<LinkInfo?> findInHost, Action<LinkInfo, MacAddress> setMac)
    {
        MoveOutOfPod(claim, isDevice);
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

    private static void SetMtu(RouteNetlink host, LinkInfo link, int mtu)
    {
        try
        {
            host.SetMtu(link.Index, mtu);
        }
        catch (NetlinkException e) when (e.Errno is Errno.EINVAL or Errno.ERANGE or Errno.EMSGSIZE)
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, $"{link.Name} does not support mtu {mtu}", e.Message);
        }
    }

    // The name was valid and free a moment ago.
    private static void Move(RouteNetlink host, LinkInfo link, PodNetwork pod)
    {
        try
        {
            host.MoveToNamespace(link.Index, pod.Namespace, pod.InterfaceName);
        }
        catch (NetlinkException e) when (e.Errno == Errno.EEXIST)
        {
            throw new CniException(
                CniErrorCode.Internal, $"interface {pod.InterfaceName} already exists in {pod.Namespace.Path}", e.Message);
        }
    }

    private static void MoveOutOfPod(Claim claim, Func<LinkInfo, bool?> isDevice)
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
            if (pod.Links.GetLinks().FirstOrDefault(
                l => isDevice(l) ?? (l.Name == claim.Key.InterfaceName && l.Mac == claim.Mac)) is not { } link)
            {
                return;
            }

            pod.Links.SetLink(link.Index, new LinkChange { Up = false });
            using var ns = NetNamespace.OpenCurrent();
            // Move it under a unique name and rename it afterwards, so that a conflict over its original name can't keep it in the pod.
            pod.Links.MoveToNamespace(link.Index, ns, PortName.For(claim.Key));
        }
    }

    private static void Restore(RouteNetlink host, LinkInfo link, LinkOrigin origin, Action<LinkInfo, MacAddress> setMac)
    {
        var keepName = link.Name == origin.Name || (host.GetLink(origin.Name) is { } other && other.Index != link.Index);
        if (keepName && string.IsNullOrEmpty(link.Alias) && HasOriginalMacAndMtu(link, origin))
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
            Name = keepName ? null : origin.Name,
            Mtu = origin.Mtu != 0 && link.Mtu != origin.Mtu ? origin.Mtu : null,
            Alias = "",
        };
        try
        {
            host.SetLink(link.Index, change);
        }
        catch (NetlinkException e) when (e.Errno == Errno.EEXIST && !keepName && host.RemoveAlternativeName(link.Index, origin.Name))
        {
            // When the link appeared, udev set its usual name as an alternative name, which blocks renaming it to that name.
            host.SetLink(link.Index, change);
        }
    }

    private static bool HasOriginalMacAndMtu(LinkInfo link, LinkOrigin origin) =>
        (origin.Mac == default || link.Mac == origin.Mac) && (origin.Mtu == 0 || link.Mtu == origin.Mtu);
}
