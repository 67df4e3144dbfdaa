using System.Net;
using System.Net.Sockets;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>A pod's network namespace with a netlink socket in it, for one request and one interface.</summary>
internal sealed class PodNetwork : IDisposable
{
    private const int LowPriority = 1000;

    private readonly NetNamespace _namespace;

    private PodNetwork(NetNamespace ns, RouteNetlink links, string interfaceName)
    {
        _namespace = ns;
        Links = links;
        InterfaceName = interfaceName;
    }

    public RouteNetlink Links { get; }

    public string InterfaceName { get; }

    public NetNamespace Namespace => _namespace;

    /// <summary>Opens CNI_NETNS.</summary>
    /// <param name="path">The runtime's path.</param>
    /// <param name="interfaceName">CNI_IFNAME.</param>
    /// <param name="allowHost">Whether the runtime explicitly permits the host's own namespace.</param>
    /// <exception cref="CniException">Error 8: the path does not exist, is not a network namespace, or is the host's own.</exception>
    public static PodNetwork Open(string path, string interfaceName, bool allowHost)
    {
        NetNamespace? ns = null;
        try
        {
            ns = NetNamespace.Open(path);
            if (!allowHost)
            {
                using var own = NetNamespace.OpenCurrent();
                if (ns.IsSameAs(own))
                {
                    throw new CniException(CniErrorCode.InvalidNetNs, "CNI_NETNS is the host's own network namespace", path);
                }
            }
            return new PodNetwork(ns, RouteNetlink.Open(ns), interfaceName);
        }
        catch (LinuxException e)
        {
            ns?.Dispose();
            throw new CniException(CniErrorCode.InvalidNetNs, "CNI_NETNS can't be used", e.Message);
        }
        catch
        {
            ns?.Dispose();
            throw;
        }
    }

    /// <summary>The host's own namespace, for the host's interface.</summary>
    public static PodNetwork OpenHost(string interfaceName)
    {
        var ns = NetNamespace.OpenCurrent();
        try
        {
            return new PodNetwork(ns, RouteNetlink.Open(ns), interfaceName);
        }
        catch
        {
            ns.Dispose();
            throw;
        }
    }

    public LinkInfo? Find() => Links.GetLink(InterfaceName);

    public void DisableOffloads() => Links.DisableOffloads(InterfaceName);

    /// <summary>Adds the addresses, each as a host prefix, and sets the interface up.</summary>
    public void Configure(int index, IReadOnlyList<IPAddress> addresses)
    {
        // A link-local address would only send solicitations that the pipeline can't answer.
        if (!addresses.Any(a => a.AddressFamily == AddressFamily.InterNetworkV6))
        {
            Links.SetIPv6AddrGenModeNone(index);
        }

        foreach (var address in addresses)
        {
            Links.AddAddress(index, address, Bits(address));
        }

        Links.SetUp(index);
    }

    /// <summary>Adds routes. A route that exists through another interface stays.</summary>
    /// <returns>The routes that were added.</returns>
    public IReadOnlyList<CniRoute> AddRoutes(int index, IReadOnlyList<CniRoute> routes)
    {
        var added = new List<CniRoute>(routes.Count);
        foreach (var route in routes)
        {
            if (TryAddRoute(route, index))
            {
                added.Add(route);
                continue;
            }
            // A second attachment of the pod: the first one's routes stay. But each interface needs its own route to the gateway, with a
            // priority derived from its index.
            var fallback = route with { Priority = LowPriority + index };
            if (route.Gateway is null && TryAddRoute(fallback, index))
            {
                added.Add(fallback);
            }
        }
        return added;
    }

    private bool TryAddRoute(CniRoute route, int index)
    {
        try
        {
            Links.AddRoute(ToKernel(route, index));
            return true;
        }
        catch (NetlinkException e) when (e.Errno == Errno.EEXIST)
        {
            return false;
        }
    }

    public void Dispose()
    {
        Links.Dispose();
        _namespace.Dispose();
    }

    public static int Bits(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;

    private static Route ToKernel(CniRoute route, int index) => new()
    {
        Destination = route.Destination,
        Gateway = route.Gateway,
        InterfaceIndex = index,
        Scope = route.Scope is { } scope ? (RouteScope)scope : null,
        Table = route.Table ?? Route.MainTable,
        Metric = route.Priority ?? 0,
        Mtu = route.Mtu,
    };
}
