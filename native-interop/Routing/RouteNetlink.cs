using System.Net;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Ethtool;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>
/// Links, addresses, routes and neighbours of one network namespace (rtnetlink(7)). The socket stays in the namespace it
/// was opened in; any thread may use it, one request at a time. Every method throws <see cref="NetlinkException"/> with the
/// kernel's words when the kernel refuses, and after five seconds without an answer.
/// </summary>
public sealed partial class RouteNetlink : IDisposable
{
    private readonly NetlinkConnection _connection;
    private readonly FileDescriptor? _socket;

    internal RouteNetlink(NetlinkConnection connection, FileDescriptor? socket = null)
    {
        _connection = connection;
        _socket = socket;
    }

    /// <summary>Opens a socket in a namespace.</summary>
    /// <param name="ns">The namespace; null for the calling thread's.</param>
    /// <exception cref="LinuxException">The namespace can't be entered or the socket not be made.</exception>
    public static RouteNetlink Open(NetNamespace? ns = null)
    {
        var transport = ns is null ? NetlinkSocket.OpenRoute() : ns.Run(() => NetlinkSocket.OpenRoute());
        return new RouteNetlink(new NetlinkConnection(transport), transport.Handle);
    }

    /// <summary>Finds a link by its name.</summary>
    /// <returns>Null if there is none.</returns>
    public partial LinkInfo? GetLink(string name);

    /// <summary>Finds a link by its index.</summary>
    /// <returns>Null if there is none.</returns>
    public partial LinkInfo? GetLink(int index);

    /// <summary>All links of the namespace.</summary>
    public partial IReadOnlyList<LinkInfo> GetLinks();

    /// <summary>Creates a veth pair, each end directly in its namespace.</summary>
    /// <returns>The near end, or null if it was created in another namespace.</returns>
    /// <exception cref="NetlinkException">A name is taken (EEXIST), an MTU is out of range (EINVAL), …</exception>
    public partial LinkInfo? CreateVeth(VethSpec spec);

    /// <summary>Creates an ipvlan link, layer 2, VEPA.</summary>
    /// <returns>The link, or null if it was created in another namespace.</returns>
    /// <exception cref="NetlinkException">The kernel has no ipvlan (EOPNOTSUPP), the parent is gone (ENODEV) or carries links of another kind (EBUSY), the name is taken (EEXIST), …</exception>
    public partial LinkInfo? CreateIpvlan(IpvlanSpec spec);

    /// <summary>Creates a macvlan link in passthru mode.</summary>
    /// <returns>The link, or null if it was created in another namespace.</returns>
    /// <exception cref="NetlinkException">The kernel has no macvlan (EOPNOTSUPP), the parent is gone (ENODEV), carries another one (EINVAL) or a bridge's port (EBUSY), the name is taken (EEXIST), …</exception>
    public partial LinkInfo? CreateMacvlan(MacvlanSpec spec);

    /// <summary>Deletes a link; a veth's other end goes with it.</summary>
    /// <returns>False if there was none.</returns>
    public partial bool DeleteLink(int index);

    /// <summary>
    /// Deletes links together: however many they are, the kernel waits only once until no packet is in flight any more, which takes most of the time.
    /// They are put into a group of links first, and the group is deleted.
    /// </summary>
    /// <param name="indexes">The links; one that is not there is passed over.</param>
    /// <param name="group">A number that nothing else in the namespace uses: every link of that group goes. Not 0, the group of all other links.</param>
    public partial void DeleteLinks(IReadOnlyCollection<int> indexes, int group);

    /// <summary>Turns off what would let a packet leave the link unfinished or larger than the MTU, as <see cref="EthtoolSettings.DisableOffloads(string)"/> does, without entering the namespace.</summary>
    /// <exception cref="LinuxException">There is no such link (ENODEV), or the process may not (EPERM).</exception>
    public void DisableOffloads(string name) => EthtoolSettings.DisableOffloads(_socket ?? throw new InvalidOperationException("there is no kernel behind this connection"), InterfaceName.Checked(name));

    /// <summary>Changes several things of a link in one request.</summary>
    public partial void SetLink(int index, LinkChange change);

    /// <summary>Sets a link up.</summary>
    public void SetUp(int index) => SetLink(index, new LinkChange { Up = true });

    /// <summary>Sets a link down.</summary>
    public void SetDown(int index) => SetLink(index, new LinkChange { Up = false });

    /// <summary>Renames a link; kernels before 6.2 want it down.</summary>
    public void Rename(int index, string name) => SetLink(index, new LinkChange { Name = name });

    /// <summary>Sets the MTU in bytes.</summary>
    public void SetMtu(int index, int mtu) => SetLink(index, new LinkChange { Mtu = mtu });

    /// <summary>Sets the Ethernet address.</summary>
    public void SetMac(int index, MacAddress mac) => SetLink(index, new LinkChange { Mac = mac });

    /// <summary>Sets the alias, at most 255 bytes; the empty text takes it away.</summary>
    public void SetAlias(int index, string alias) => SetLink(index, new LinkChange { Alias = alias });

    /// <summary>Moves a link to another namespace, with another name if one is given. It arrives there down, without addresses, and its index may have changed.</summary>
    /// <exception cref="NetlinkException">The name is taken there (EEXIST), or the link may not move (EINVAL); then it has not moved.</exception>
    public partial void MoveToNamespace(int index, NetNamespace ns, string? newName = null);

    /// <summary>Takes an alternative name from a link: one of its own is in the way when the link shall have it as its name.</summary>
    /// <returns>False if it had none like that.</returns>
    public partial bool RemoveAlternativeName(int index, string name);

    /// <summary>The link makes itself no IPv6 address. Nothing happens where the kernel has no IPv6.</summary>
    public partial void SetIPv6AddrGenModeNone(int index);

    /// <summary>Puts an address on a link.</summary>
    /// <param name="index">The link.</param>
    /// <param name="address">The address, version 4 or 6.</param>
    /// <param name="prefixLength">Network prefix in bits; 32 or 128 for the address alone.</param>
    /// <param name="replace">Change an address that is there instead of failing.</param>
    /// <exception cref="NetlinkException">The address is there (EEXIST), or the link is not (ENODEV).</exception>
    public void AddAddress(int index, IPAddress address, int prefixLength, bool replace = false) =>
        AddAddress(new InterfaceAddress { InterfaceIndex = index, Address = address, PrefixLength = prefixLength, NoDuplicateDetection = true }, replace);

    /// <summary>Puts an address on a link.</summary>
    public partial void AddAddress(InterfaceAddress address, bool replace = false);

    /// <summary>Takes an address from a link.</summary>
    /// <returns>False if it was not there.</returns>
    public partial bool DeleteAddress(int index, IPAddress address, int prefixLength);

    /// <summary>Addresses of one link, or of all with index 0.</summary>
    public partial IReadOnlyList<InterfaceAddress> GetAddresses(int index = 0);

    /// <summary>Adds a route.</summary>
    /// <param name="route">The route.</param>
    /// <param name="replace">Change a route with this destination, table and metric instead of failing.</param>
    /// <exception cref="NetlinkException">The route is there (EEXIST), or its gateway can't be reached (ENETUNREACH).</exception>
    public partial void AddRoute(Route route, bool replace = false);

    /// <summary>Deletes a route; what is null or 0 in it matches anything.</summary>
    /// <returns>False if it was not there.</returns>
    public partial bool DeleteRoute(Route route);

    /// <summary>Unicast routes of one table, of both families, through one link or all (index 0).</summary>
    public partial IReadOnlyList<Route> GetRoutes(int index = 0, int table = Route.MainTable);

    /// <summary>Adds a routing rule.</summary>
    /// <returns>False if it was there.</returns>
    public partial bool AddRule(RoutingRule rule);

    /// <summary>Deletes a routing rule; a priority of 0 matches any.</summary>
    /// <returns>False if it was not there.</returns>
    public partial bool DeleteRule(RoutingRule rule);

    /// <summary>The rules of both families that go by a source address and lead to a table.</summary>
    public partial IReadOnlyList<RoutingRule> GetRules();

    /// <summary>Limits what a link sends: makes, or changes, the token bucket filter at its root, in place of what is there. It goes with the link.</summary>
    /// <exception cref="NetlinkException">The kernel has no such filter (ENOENT), there is no such link (ENODEV), …</exception>
    public partial void SetTokenBucket(int index, TokenBucket bucket);

    /// <summary>The rate of a link's token bucket filter in bytes per second.</summary>
    /// <returns>Null if there is none.</returns>
    public partial ulong? GetTokenBucketRate(int index);

    /// <summary>Adds or changes a permanent neighbour.</summary>
    public partial void AddNeighbour(int index, IPAddress address, MacAddress mac);

    /// <summary>Deletes a neighbour.</summary>
    /// <returns>False if it was not there.</returns>
    public partial bool DeleteNeighbour(int index, IPAddress address);

    /// <summary>Neighbours on one link, or on all with index 0.</summary>
    public partial IReadOnlyList<Neighbour> GetNeighbours(int index = 0);

    /// <summary>The virtual functions of a physical function's link; none for a link that has none.</summary>
    /// <exception cref="NetlinkException">There is no such link (ENODEV).</exception>
    public partial IReadOnlyList<VfInfo> GetVfs(int pfIndex);

    /// <summary>Configures a virtual function through its physical function's link. After a failure some of the changes may have been made.</summary>
    /// <param name="pfIndex">The physical function's link.</param>
    /// <param name="vf">The virtual function's number.</param>
    /// <param name="change">What to change.</param>
    /// <exception cref="NetlinkException">There is no such function (EINVAL), the driver can't (EOPNOTSUPP), …</exception>
    public partial void SetVf(int pfIndex, int vf, VfChange change);

    /// <summary>Finds the link that stands for a function at its switch.</summary>
    /// <param name="physPortName">The port's name, as <see cref="Representor"/> builds it: "pf0vf3".</param>
    /// <param name="physSwitchId">The switch, as another of its links tells it; null where the namespace has one only.</param>
    /// <returns>Null if there is none.</returns>
    /// <exception cref="NetlinkException">Several switches have such a port (EEXIST).</exception>
    public partial LinkInfo? FindRepresentor(string physPortName, string? physSwitchId = null);

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();
}
