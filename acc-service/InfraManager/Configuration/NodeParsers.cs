using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>Parsers for nodes, MAC addresses, uplinks, roles and fingerprints. Each returns null, or why the text is invalid.</summary>
internal static class NodeParsers
{
    /// <summary>Any text.</summary>
    public static string? AnyText(string text, out string value)
    {
        value = text;
        return null;
    }

    public static string? NodeName(string text, out string name)
    {
        name = text;
        return State.Values.NodeName.IsValid(text)
            ? null
            : "is not a node name (lower-case letters, digits, '-' and '.', at most 253)";
    }

    /// <summary>The address of the gateway.</summary>
    public static string? Gateway(string text, out IPAddress address) =>
        Parsers.Address(text, out address)
            ?? (address.AddressFamily == AddressFamily.InterNetwork ? null : "is not an IPv4 address, and the pipelines route IPv4 only");

    public static string? Mac(string text, out MacAddress mac)
    {
        if (!MacAddress.TryParse(text, out mac))
        {
            return "is not a MAC address";
        }

        if (mac.IsMulticast)
        {
            return "is a multicast MAC address";
        }

        return mac.IsZero ? "is the all-zero MAC address" : null;
    }

    /// <summary>A prefix and its next hop's MAC or IP address: <c>prefix via hop</c>.</summary>
    public static string? UplinkRoute(string text, out UplinkRoute route)
    {
        route = default;
        if (text.Split(" via ", StringSplitOptions.TrimEntries) is not [var prefix, var hop])
        {
            return "is not a prefix 'via' a MAC address or an IP address";
        }

        if (Parsers.Network(prefix, out var destination) is { } wrongPrefix)
        {
            return wrongPrefix;
        }

        if (IpText.TryParse(hop, out var gateway))
        {
            route = new UplinkRoute(destination, gateway);
            return gateway.AddressFamily == destination.BaseAddress.AddressFamily
                ? null
                : "has a next hop of a different IP version than the prefix";
        }

        if (!MacAddress.TryParse(hop, out _))
        {
            return "has neither a MAC address nor an IP address after 'via'";
        }

        if (Mac(hop, out var mac) is { } wrongHop)
        {
            return wrongHop;
        }

        route = new UplinkRoute(destination, mac);
        return null;
    }

    /// <summary>A unicast MAC address; null for an empty text.</summary>
    public static string? OptionalMac(string text, out MacAddress? mac)
    {
        mac = null;
        if (text.Length == 0)
        {
            return null;
        }

        var problem = Mac(text, out var parsed);
        mac = parsed;
        return problem;
    }

    /// <summary>An address of the node on the node network, with its prefix length.</summary>
    public static string? UplinkAddress(string text, out UplinkAddress address)
    {
        address = default;
        if (Parsers.InterfaceAddress(text, out var parsed) is { } problem)
        {
            return problem;
        }

        if (!IsUnicast(parsed.Address))
        {
            return "is not a unicast address";
        }

        address = new UplinkAddress(parsed.Address, parsed.PrefixLength);
        return IsBroadcast(address) ? "is its network's address or broadcast address" : null;
    }

    /// <summary>Whether a host can have the address, and neighbours can send to it.</summary>
    public static bool IsUnicast(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork
        ? Ipv4.IsUnicast(address)
        : !(address.IsIPv6Multicast || address.IsIPv4MappedToIPv6 || address.Equals(IPAddress.IPv6Any) || IPAddress.IsLoopback(address));

    // A network of one or two addresses has neither a network address nor a broadcast address (RFC 3021).
    private static bool IsBroadcast(UplinkAddress address)
    {
        if (address is not { Address.AddressFamily: AddressFamily.InterNetwork, PrefixLength: < 31 })
        {
            return false;
        }

        var host = Ipv4.Value(address.Address) & (uint.MaxValue >> address.PrefixLength);
        return host == 0 || host == uint.MaxValue >> address.PrefixLength;
    }

    /// <summary>A role as in a certificate's URI, without the prefix.</summary>
    public static string? Role(string text, out string role)
    {
        role = text;
        return text.Length is > 0 and <= 253 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or ':')
            ? null
            : "is not a role name";
    }

    /// <summary>A role in Api:FingerprintRoles: <c>host:node</c>.</summary>
    public static string? HostRole(string text, out string node)
    {
        node = "";
        if (!text.StartsWith(CertificateRoles.Host, StringComparison.Ordinal))
        {
            return "is not a role of clients of this API";
        }

        node = text[CertificateRoles.Host.Length..];
        return ACCOffload.InfraManager.State.Values.NodeName.IsValid(node) ? null : "has no valid node name after 'host:'";
    }

    /// <summary>The SHA-256 of a certificate in hex; colons, as openssl prints them, are ignored.</summary>
    public static string? Fingerprint(string text) =>
        NormalizeFingerprint(text) is { Length: 64 } hex && hex.All(char.IsAsciiHexDigit) ? null : "is not a SHA-256 fingerprint";

    public static string NormalizeFingerprint(string text) =>
        text.Replace(":", "", StringComparison.Ordinal).ToUpperInvariant();
}
