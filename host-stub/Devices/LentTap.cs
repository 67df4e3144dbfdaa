using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// A TAP of a target that makes none once it runs. It never leaves the ports' namespace: a TAP goes with the namespace that it is in, and with it the port,
/// until the target is restarted. The pod gets a macvlan link in passthru mode on it, which may go at any time.
/// </summary>
internal static class LentTap
{
    /// <summary>Gives the pod its interface.</summary>
    /// <param name="home">A socket in the ports' namespace.</param>
    /// <param name="tap">The TAP's index there.</param>
    /// <param name="request">What the pod is to see.</param>
    /// <param name="pod">The pod.</param>
    /// <exception cref="CniException">Error 11: the TAP still has another interface on it.</exception>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static MadePort Lend(RouteNetlink home, int tap, PortRequest request, PodNetwork pod)
    {
        home.SetIPv6AddrGenModeNone(tap);
        // The upper link takes the address that the TAP has.
        home.SetLink(tap, new LinkChange { Mac = request.Mac, Mtu = request.Mtu, Alias = request.Alias, Up = true });
        try
        {
            home.CreateMacvlan(new MacvlanSpec { Name = pod.InterfaceName, Parent = tap, Namespace = pod.Namespace });
        }
        catch (NetlinkException e) when (e.Errno is Errno.EINVAL or Errno.EBUSY)
        {
            throw new CniException(CniErrorCode.TryAgainLater, $"the port {request.PortName} is not free yet: the interface of another attachment is still on it", e.Message);
        }
        var link = pod.Find() ?? throw new LinuxException($"find {pod.InterfaceName} on {request.PortName}", Errno.ENODEV);
        pod.Links.SetAlias(link.Index, request.Alias);
        return new MadePort(link.Index, request.Mac);
    }

    /// <summary>Sets the TAP down once its interface is gone: nothing of the ports' namespace is to reach the pipeline.</summary>
    /// <param name="home">A socket in the ports' namespace.</param>
    /// <param name="claim">Whose it was. Another's by now stays as it is.</param>
    public static void TakeBack(RouteNetlink home, Claim claim)
    {
        var alias = PortName.Alias(claim.Key);
        if (home.GetLink(claim.PortName) is { Kind: "tun" } tap && tap.Alias == alias)
        {
            home.SetLink(tap.Index, new LinkChange { Up = false, Alias = "" });
        }
    }
}
