using System.Net;

namespace ACCOffload.NativeInterop;

public sealed partial class RouteNetlink
{
    private Exception None => new NotImplementedException(_connection.ToString());
    public partial LinkInfo? GetLink(string name) => throw None;
    public partial LinkInfo? GetLink(int index) => throw None;
    public partial IReadOnlyList<LinkInfo> GetLinks() => throw None;
    public partial LinkInfo? CreateVeth(VethSpec spec) => throw None;
    public partial bool DeleteLink(int index) => throw None;
    public partial void SetLink(int index, LinkChange change) => throw None;
    public partial void SetIPv6AddrGenModeNone(int index) => throw None;
    public partial void AddAddress(InterfaceAddress address, bool replace) => throw None;
    public partial bool DeleteAddress(int index, IPAddress address, int prefixLength) => throw None;
    public partial IReadOnlyList<InterfaceAddress> GetAddresses(int index) => throw None;
    public partial void AddRoute(Route route, bool replace) => throw None;
    public partial bool DeleteRoute(Route route) => throw None;
    public partial IReadOnlyList<Route> GetRoutes(int index, int table) => throw None;
    public partial void AddNeighbour(int index, IPAddress address, MacAddress mac) => throw None;
    public partial bool DeleteNeighbour(int index, IPAddress address) => throw None;
    public partial IReadOnlyList<Neighbour> GetNeighbours(int index) => throw None;
}

public sealed partial class LinkMonitor
{
    public partial bool TryRead(out LinkEvent linkEvent) => throw new NotImplementedException();
}
