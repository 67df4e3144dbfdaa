using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.Target;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>Reads Node:Uplink and checks its keys against each other.</summary>
internal static class UplinkSection
{
    private const int MaxNeighbors = 8192;
    private const string PortKey = "Node:Uplink:Port";
    private const string MacKey = "Node:Uplink:Mac";
    private const string MtuKey = "Node:Uplink:Mtu";
    private const string RoutesKey = "Node:Uplink:Routes";
    private const string AddressesKey = "Node:Uplink:Addresses";
    private const string ExceptionPortKey = "Node:Uplink:Exception:Port";
    private const string NamespaceKey = "Node:Uplink:Exception:Namespace";
    private const string MacRemedy = "give this node's own unicast MAC address on the node network";
    private const string AddressRemedy = "give the node's addresses on the node network with their prefix lengths, such as 192.0.2.10/24";
    private const string RouteRemedy = "give a prefix and its next hop such as 0.0.0.0/0 via 192.0.2.1";

    /// <summary>Null if there is no uplink.</summary>
    public static UplinkSettings? Read(ConfigurationReader reader)
    {
        var port = reader.Value<string>(PortKey, "", NodeParsers.AnyText, "give the name of the port at the target");
        var mac = reader.Value<MacAddress?>(MacKey, "", NodeParsers.OptionalMac, MacRemedy);
        if (port.Length > 0 && mac is null)
        {
            reader.Fail(MacKey, "", "is missing: neighbours need it to reach the node", MacRemedy);
        }

        var errors = reader.Errors.Count;
        var addresses = reader.List<UplinkAddress>(AddressesKey, NodeParsers.UplinkAddress, AddressRemedy);
        var routes = reader.List<UplinkRoute>(RoutesKey, NodeParsers.UplinkRoute, RouteRemedy);
        // With an element missing, the checks would name others by wrong numbers.
        var areWhole = reader.Errors.Count == errors;
        var mtu = MtuSetting.Read(reader, MtuKey, "0 if the uplink takes what endpoints send");
        var exception = ReadException(reader);
        var uplink = new UplinkSettings(port, mac ?? default, routes, mtu)
        {
            Addresses = addresses,
            Exception = addresses.Count == 0 ? null : exception,
            MaxNeighbors = (int)reader.Number("Node:Uplink:MaxNeighbors", UplinkSettings.DefaultMaxNeighbors, 0, MaxNeighbors),
        };
        if (areWhole)
        {
            Check(reader, uplink);
        }

        return port.Length == 0 ? null : uplink;
    }

    /// <summary>Checks the exception port against the target's settings.</summary>
    public static void Check(ConfigurationReader reader, Settings settings)
    {
        if (settings.Node.Uplink?.Exception is not { } exception)
        {
            return;
        }

        if (settings.Node.Devices.PortRule == PortRule.Mac)
        {
            reader.Fail(
                AddressesKey, string.Join(", ", settings.Node.Uplink.Addresses),
                "does not apply with Target:PortRule mac: the exception port has the uplink's MAC address, and would have its number",
                "remove it, and give MAC addresses as next hops");
        }

        if (settings.Target.Ports.Names.Count > 0 && !settings.Target.Ports.Names.Contains(exception.Port))
        {
            reader.Fail(
                ExceptionPortKey, exception.Port, "is not among Target:Ports, and such a target accepts no other port",
                "name one of Target:Ports");
        }

        if (settings.Target.Kind == TargetKind.Embedded && exception.Namespace == settings.SoftTarget.PortNamespace)
        {
            reader.Fail(
                NamespaceKey, exception.Namespace, "is SoftTarget:PortNamespace, where the kernel must not answer for the node",
                "name another namespace such as /run/netns/accoffload-uplink");
        }
    }

    private static ExceptionPort ReadException(ConfigurationReader reader) => new(
        reader.Value<string>(ExceptionPortKey, "accx0", DeviceParsers.PortName, "give the name of the port at the target"),
        reader.Value<string>(
            "Node:Uplink:Exception:Interface", "accx1", DeviceParsers.Interface,
            "give the name of the ACC's interface at the port's other end"),
        reader.Value<string>(NamespaceKey, "/run/netns/accoffload-uplink", Parsers.AbsolutePath, Remedies.Path));

    private static void Check(ConfigurationReader reader, UplinkSettings uplink)
    {
        if (uplink.Addresses.Count > 0 && uplink.Port.Length == 0)
        {
            reader.Fail(
                AddressesKey, string.Join(", ", uplink.Addresses), "needs Node:Uplink:Port, which is not set",
                "name the port to the node network, or remove the addresses");
        }

        if (uplink.Exception is { } exception && exception.Port == uplink.Port)
        {
            reader.Fail(ExceptionPortKey, exception.Port, "is the uplink's own port", "name a port of its own for the ACC's kernel");
        }

        for (var i = 0; i < uplink.Addresses.Count; i++)
        {
            if (uplink.Addresses.Take(i).Any(a => a.Address.Equals(uplink.Addresses[i].Address)))
            {
                reader.Fail(Element(AddressesKey, i), uplink.Addresses[i].ToString(), "is listed twice", "remove one of them");
            }
        }

        for (var i = 0; i < uplink.Routes.Count; i++)
        {
            if (ProblemOf(uplink.Routes[i], uplink) is { } problem)
            {
                reader.Fail(Element(RoutesKey, i), uplink.Routes[i].ToString(), problem.Reason, problem.Remedy);
            }
        }
    }

    private static (string Reason, string Remedy)? ProblemOf(UplinkRoute route, UplinkSettings uplink)
    {
        if (route.Gateway is not { } gateway)
        {
            return null;
        }

        if (uplink.Addresses.Count == 0)
        {
            return ("has an IP address as its next hop, but Node:Uplink:Addresses is empty, so that nobody resolves it",
                "set Node:Uplink:Addresses, or give the next hop's MAC address");
        }

        if (uplink.Addresses.Any(a => a.Address.Equals(gateway)))
        {
            return ("has one of the node's own addresses as its next hop", "give the router's address");
        }

        return NodeParsers.IsUnicast(gateway) && uplink.Addresses.Any(a => IsOnLink(gateway, a))
            ? null
            : ("has a next hop that is not in the network of any of Node:Uplink:Addresses",
                "give the address of a neighbour, or add the node's address in that network");
    }

    // Every interface with an IPv6 address is also on the link-local network (RFC 4291, 2.1).
    private static bool IsOnLink(IPAddress gateway, UplinkAddress address) => address.Network.Contains(gateway)
        || (gateway.IsIPv6LinkLocal && address.Address.AddressFamily == AddressFamily.InterNetworkV6);

    private static string Element(string key, int index) => string.Create(CultureInfo.InvariantCulture, $"{key}[{index}]");
}
