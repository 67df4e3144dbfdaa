using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>Parsers for nodes, roles and MAC addresses. Each returns null, or why the text is invalid.</summary>
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

    /// <summary>A prefix and the MAC address of its next hop: <c>prefix via mac</c>.</summary>
    public static string? UplinkRoute(string text, out UplinkRoute route)
    {
        route = default;
        if (text.Split(" via ", StringSplitOptions.TrimEntries) is not [var prefix, var hop])
        {
            return "is not a prefix 'via' a MAC address";
        }

        if (Parsers.Network(prefix, out var destination) is { } wrongPrefix)
        {
            return wrongPrefix;
        }

        if (Mac(hop, out var mac) is { } wrongHop)
        {
            return wrongHop;
        }

        route = new UplinkRoute(destination, mac);
        return null;
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
