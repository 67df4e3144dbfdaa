using ACCOffload.InfraManager.State;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>What names of nodes, roles and hardware look like. Each answers null, or why the text is none.</summary>
internal static class NodeParsers
{
    public static string? NodeName(string text, out string name)
    {
        name = text;
        return IsNodeName(text) ? null : "is no node name (lower-case letters, digits, '-' and '.', at most 253)";
    }

    /// <summary>Whether Kubernetes takes the text for a node's name (RFC 1123 subdomain).</summary>
    public static bool IsNodeName(string text) => text.Length is > 0 and <= 253 && text.Split('.').All(IsLabel);

    public static string? Mac(string text, out MacAddress mac)
    {
        if (!MacAddress.TryParse(text, out mac))
        {
            return "is no MAC address";
        }

        if (mac.IsMulticast)
        {
            return "is a multicast MAC address";
        }

        return mac.IsZero ? "is the all-zero MAC address" : null;
    }

    /// <summary>A prefix and the MAC address that is next on the way there: <c>prefix via mac</c>.</summary>
    public static string? UplinkRoute(string text, out UplinkRoute route)
    {
        route = default;
        if (text.Split(" via ", StringSplitOptions.TrimEntries) is not [var prefix, var hop])
        {
            return "is no prefix 'via' a MAC address";
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

    /// <summary>A role as the fingerprint map gives it: host:node.</summary>
    /// <summary>A role as a certificate carries it after its prefix.</summary>
    public static string? Role(string text, out string role)
    {
        role = text;
        return text.Length is > 0 and <= 253 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or ':') ? null : "is not a role name";
    }

    public static string? HostRole(string text, out string node)
    {
        node = "";
        if (!text.StartsWith("host:", StringComparison.Ordinal))
        {
            return "is no role that a client of this API can have";
        }

        node = text["host:".Length..];
        return IsNodeName(node) ? null : "names no node after 'host:'";
    }

    /// <summary>The SHA-256 of a certificate in hex; colons, as openssl prints them, are left out.</summary>
    public static string? Fingerprint(string text) =>
        NormalizeFingerprint(text) is { Length: 64 } hex && hex.All(char.IsAsciiHexDigit) ? null : "is no SHA-256 fingerprint";

    public static string NormalizeFingerprint(string text) =>
        text.Replace(":", "", StringComparison.Ordinal).ToUpperInvariant();

    // By hand: the names of what the generator of regular expressions makes follow from the folder of the build, and so would the executable's bytes.
    private static bool IsLabel(string text) =>
        text.Length > 0 && IsLetterOrDigit(text[0]) && IsLetterOrDigit(text[^1]) && text.All(c => c == '-' || IsLetterOrDigit(c));

    private static bool IsLetterOrDigit(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c);
}
