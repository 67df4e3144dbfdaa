using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// A TAP of a target that can't create TAPs while it runs. It never leaves the ports' namespace: a TAP is deleted with its namespace, and
/// its port would be lost until the target restarts. The pod gets a macvlan link in passthru mode on the TAP, which can be deleted at any
/// time.
/// </summary>
internal static class LeasedTap
{
    /// <summary>Creates the pod's interface.</summary>
    /// <param name="home">A socket in the ports' namespace.</param>
    /// <param name="tap">The TAP's index there.</param>
    /// <param name="request">The requested device.</param>
    /// <param name="pod">The pod.</param>
    /// <exception cref="CniException">Error 11: another interface is still on the TAP.</exception>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static PodInterface MoveToPod(RouteNetlink home, int tap, PortRequest request, PodNetwork pod)
    {
        home.SetIPv6AddrGenModeNone(tap);
        // The upper link gets the TAP's address.
        home.SetLink(tap, new LinkChange { Mac = request.Mac, Mtu = request.Mtu, Alias = request.Alias, Up = true });
        try
        {
            home.CreateMacvlan(new MacvlanSpec { Name = pod.InterfaceName, Parent = tap, Namespace = pod.Namespace });
        }
        catch (NetlinkException e) when (e.Errno is Errno.EINVAL or Errno.EBUSY)
        {
            throw new CniException(
                CniErrorCode.TryAgainLater,
                $"port {request.PortName} is not free yet: the interface of another attachment is still on it",
                e.Message);
        }
        var link = pod.Find() ?? throw new LinuxException($"find {pod.InterfaceName} on {request.PortName}", Errno.ENODEV);
        pod.Links.SetAlias(link.Index, request.Alias);
        return new PodInterface(link.Index, request.Mac);
    }

    /// <summary>Sets the TAP down once its interface is gone: nothing in the ports' namespace may send to the pipeline.</summary>
    /// <param name="home">A socket in the ports' namespace.</param>
    /// <param name="claim">The claim that used it. A TAP that another attachment uses by now is left unchanged.</param>
    public static void Release(RouteNetlink home, Claim claim)
    {
        var alias = PortName.Alias(claim.Key);
        if (home.GetLink(claim.PortName) is { Kind: "tun" } tap && tap.Alias == alias)
        {
            home.SetLink(tap.Index, new LinkChange { Up = false, Alias = "" });
        }
    }
}
