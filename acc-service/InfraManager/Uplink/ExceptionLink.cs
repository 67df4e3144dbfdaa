using ACCOffload.InfraManager.State.Node;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.Uplink;

/// <summary>
/// Makes the exception interface. For the embedded target it is one end of a veth pair, whose other end is the port; other targets make
/// it by themselves, and it is only moved to its namespace. Repeatable: what is as it should be is left alone.
/// </summary>
/// <param name="uplink">The uplink with its exception port.</param>
/// <param name="portNamespace">The namespace of the embedded target's ports; null for another target.</param>
internal sealed class ExceptionLink(UplinkSettings uplink, string? portNamespace)
{
    /// <summary>At least the largest packet of any endpoint.</summary>
    private const int Mtu = 9216;

    private readonly ExceptionPort _exception = uplink.Exception
        ?? throw new ArgumentException("the uplink has no exception port", nameof(uplink));

    /// <summary>Makes what is missing.</summary>
    /// <param name="createNamespaces">Also the namespaces, which takes a process whose mounts everybody sees.</param>
    /// <returns>Whether the interface exists; a target that makes it may not have done so yet.</returns>
    /// <exception cref="LinuxException">The kernel refused something, or a device is in the way.</exception>
    public bool Ensure(bool createNamespaces)
    {
        using var ns = Open(_exception.Namespace, createNamespaces);
        if (createNamespaces)
        {
            // The interface inherits them when it is made, before it passes any packet.
            _ = NamespaceSettings.Apply(ns, null, uplink.UsesIPv6);
        }

        using var links = RouteNetlink.Open(ns);
        if (portNamespace is not null)
        {
            using var portNs = Open(portNamespace, createNamespaces);
            using var portLinks = RouteNetlink.Open(portNs);
            EnsurePair(ns, links, portNs, portLinks);
        }
        else if (links.GetLink(_exception.Interface) is null)
        {
            MoveFromOwnNamespace(ns);
        }

        if (links.GetLink(_exception.Interface) is null)
        {
            return false;
        }

        if (createNamespaces)
        {
            _ = NamespaceSettings.Apply(ns, _exception.Interface, uplink.UsesIPv6);
        }

        return true;
    }

    private static NetNamespace Open(string path, bool create) => create && Path.GetDirectoryName(path) == NetNamespace.NamedDirectory
        ? NetNamespace.OpenOrCreateNamed(Path.GetFileName(path))
        : NetNamespace.Open(path);

    private void EnsurePair(NetNamespace ns, RouteNetlink links, NetNamespace portNs, RouteNetlink portLinks)
    {
        var near = links.GetLink(_exception.Interface);
        var port = portLinks.GetLink(_exception.Port);
        if (near is null || port is null || !ArePair(near, port))
        {
            // One end is left over, or belongs to another pair. With an end of a pair, the other one is deleted as well.
            DeleteHalf(links, near, _exception.Namespace);
            DeleteHalf(portLinks, portLinks.GetLink(_exception.Port), portNamespace!);
            links.CreateVeth(new VethSpec
            {
                Name = _exception.Interface,
                Mac = uplink.Mac,
                Mtu = Mtu,
                PeerName = _exception.Port,
                PeerNamespace = portNs,
            });
            near = Find(links, _exception.Interface, ns.Path);
            port = Find(portLinks, _exception.Port, portNs.Path);
        }

        // The pipeline would get router solicitations of the port's own end, and the uplink those of the other one.
        portLinks.SetIPv6AddrGenModeNone(port.Index);
        if (!uplink.UsesIPv6)
        {
            links.SetIPv6AddrGenModeNone(near.Index);
        }

        PrepareEnd(portLinks, port);
        PrepareEnd(links, near);
    }

    // Neither end may hand over packets whose checksum or segmentation is left to a device: there is none.
    private static void PrepareEnd(RouteNetlink links, LinkInfo link)
    {
        links.DisableOffloads(link.Name);
        if (link.Mtu != Mtu || !link.IsUp)
        {
            links.SetLink(link.Index, new LinkChange { Mtu = Mtu, Up = true });
        }
    }

    private static bool ArePair(LinkInfo near, LinkInfo port) =>
        near.Kind == "veth" && port.Kind == "veth" && near.PeerIndex == port.Index && port.PeerIndex == near.Index;

    private static void DeleteHalf(RouteNetlink links, LinkInfo? link, string path)
    {
        if (link is null)
        {
            return;
        }

        if (link.Kind != "veth")
        {
            throw new LinuxException($"{path} has another device of the name {link.Name}; remove or rename it", Errno.EEXIST);
        }

        links.DeleteLink(link.Index);
    }

    private static LinkInfo Find(RouteNetlink links, string name, string path) =>
        links.GetLink(name) ?? throw new LinuxException($"find {name} in {path}", Errno.ENODEV);

    private void MoveFromOwnNamespace(NetNamespace ns)
    {
        using var own = NetNamespace.OpenCurrent();
        using var links = RouteNetlink.Open();
        if (!own.IsSameAs(ns) && links.GetLink(_exception.Interface) is { } link)
        {
            links.MoveToNamespace(link.Index, ns);
        }
    }
}
