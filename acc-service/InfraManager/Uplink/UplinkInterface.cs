using ACCOffload.InfraManager.State.Node;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using Route = ACCOffload.NativeInterop.Routing.Route;

namespace ACCOffload.InfraManager.Uplink;

/// <summary>What <see cref="UplinkInterface.Reconcile"/> found.</summary>
/// <param name="Index">The interface's index; 0 if it does not exist.</param>
/// <param name="IsUsable">Whether neighbours can be resolved: it is running, and has the node's addresses.</param>
/// <param name="Problem">What is not as configured, in one line; otherwise empty.</param>
internal readonly record struct UplinkInterfaceState(int Index, bool IsUsable, string Problem);

/// <summary>
/// The ACC's interface at the exception port: keeps its MAC address, its addresses, the routes through gateways, and its settings as
/// configured. Not thread-safe.
/// </summary>
/// <param name="uplink">The uplink with its exception port.</param>
/// <param name="mtu">The largest packet that the uplink carries, in bytes.</param>
internal sealed class UplinkInterface(UplinkSettings uplink, int mtu)
{
    /// <summary>The origin (rtm_protocol) of our routes; those of others, such as a routing daemon, are left alone.</summary>
    public const byte RouteOrigin = 172;

    private static readonly (IPv4Setting Setting, int Value)[] Settings =
    [
        (IPv4Setting.Forwarding, 1),
        (IPv4Setting.RpFilter, 0),
        (IPv4Setting.AcceptLocal, 1),
        (IPv4Setting.ArpIgnore, 1),
        (IPv4Setting.ArpAnnounce, 2),
        (IPv4Setting.SendRedirects, 0),
        (IPv4Setting.AcceptRedirects, 0),
    ];

    private readonly ExceptionPort _exception = uplink.Exception
        ?? throw new ArgumentException("the uplink has no exception port", nameof(uplink));
    private int _preparedIndex;
    private string _namespaceProblem = "";

    private string Place => $"{_exception.Interface} in {_exception.Namespace}";

    /// <summary>Forgets what was set on the interface only once: the next one may be another one.</summary>
    public void Reset() => _preparedIndex = 0;

    /// <summary>Changes what is not as configured.</summary>
    public UplinkInterfaceState Reconcile(UplinkSession session)
    {
        var links = session.Links;
        var index = 0;
        try
        {
            if (links.GetLink(_exception.Interface) is not { } link)
            {
                _preparedIndex = 0;
                return new UplinkInterfaceState(0, false, $"there is no interface {Place}");
            }

            index = link.Index;
            Prepare(session, link);
            SetLink(links, link);
            SetAddresses(links, link.Index);
            var routes = SetRoutes(links, link.Index);
            link = links.GetLink(link.Index) ?? link;
            var problem = ProblemOf(link) is { Length: > 0 } wrong ? wrong : routes.Length > 0 ? routes : _namespaceProblem;
            return new UplinkInterfaceState(link.Index, link is { IsUp: true, HasCarrier: true, IsRunning: true }, problem);
        }
        catch (LinuxException e)
        {
            return new UplinkInterfaceState(index, false, $"{Place}: {e.Message}");
        }
    }

    private string ProblemOf(LinkInfo link)
    {
        if (!link.HasCarrier)
        {
            return $"{Place} has no carrier: its other end, port {_exception.Port}, is down or gone";
        }

        return link.Mtu < mtu ? $"{Place} has an MTU of {link.Mtu}, less than the {mtu} of the packets that it forwards" : "";
    }

    // Each of these would signal a change if it was repeated.
    private void Prepare(UplinkSession session, LinkInfo link)
    {
        if (_preparedIndex == link.Index)
        {
            return;
        }

        if (!uplink.UsesIPv6)
        {
            session.Links.SetIPv6AddrGenModeNone(link.Index);
        }

        try
        {
            session.Links.DisableOffloads(link.Name);
        }
        catch (LinuxException e) when (e.Errno == Errno.EOPNOTSUPP)
        {
            // A device without such features has none to switch off.
        }

        _namespaceProblem = NamespaceSettings.Apply(session.Namespace, link.Name, uplink.UsesIPv6);
        _preparedIndex = link.Index;
    }

    private void SetLink(RouteNetlink links, LinkInfo link)
    {
        var settings = links.GetIPv4Settings(link.Index);
        if (settings is not null && Settings.Any(s => settings.TryGetValue(s.Setting, out var value) && value != s.Value))
        {
            links.SetIPv4Settings(link.Index, Settings);
        }

        if (link.Mac != uplink.Mac)
        {
            SetMac(links, link);
        }

        if (link.Mtu < mtu)
        {
            try
            {
                links.SetMtu(link.Index, mtu);
            }
            catch (LinuxException e) when (e.Errno == Errno.EINVAL)
            {
                // More than the device can do: see ProblemOf.
            }
        }

        if (!link.IsUp || link.Mac != uplink.Mac)
        {
            links.SetUp(link.Index);
        }
    }

    private void SetMac(RouteNetlink links, LinkInfo link)
    {
        try
        {
            links.SetMac(link.Index, uplink.Mac);
        }
        catch (LinuxException e) when (e.Errno == Errno.EBUSY && link.IsUp)
        {
            // Some drivers change it only while the link is down.
            links.SetDown(link.Index);
            links.SetMac(link.Index, uplink.Mac);
        }
    }

    private void SetAddresses(RouteNetlink links, int index)
    {
        var wanted = uplink.Addresses.Select(a => (a.Address, a.PrefixLength)).ToHashSet();
        // The kernel would answer ARP for any other address. IPv6 needs its link-local one.
        foreach (var other in links.GetAddresses(index).Where(a => !wanted.Contains((a.Address, a.PrefixLength))
            && !(a.Address.IsIPv6LinkLocal && uplink.UsesIPv6)))
        {
            links.DeleteAddress(index, other.Address, other.PrefixLength);
        }

        // With an IPv4 address, the kernel deletes those in the same network that were added after it.
        var present = links.GetAddresses(index).Select(a => (a.Address, a.PrefixLength)).ToHashSet();
        foreach (var (address, prefixLength) in wanted.Except(present))
        {
            links.AddAddress(index, address, prefixLength, replace: true);
        }
    }

    private string SetRoutes(RouteNetlink links, int index)
    {
        var wanted = uplink.Routes.Where(r => r.Gateway is not null).Select(r => (r.Destination, Gateway: r.Gateway!)).ToHashSet();
        var present = links.GetRoutes(index);
        foreach (var route in present.Where(r => r.Protocol == RouteOrigin && !wanted.Contains((r.Destination, r.Gateway!))))
        {
            links.DeleteRoute(route);
        }

        var problem = "";
        foreach (var (destination, gateway) in wanted.Except(present.Where(r => r.Gateway is not null)
            .Select(r => (r.Destination, r.Gateway!))))
        {
            try
            {
                links.AddRoute(
                    new Route { Destination = destination, Gateway = gateway, InterfaceIndex = index, Protocol = RouteOrigin },
                    replace: true);
            }
            catch (LinuxException e)
            {
                problem = $"{Place}: {e.Message}";
            }
        }

        return problem;
    }
}
