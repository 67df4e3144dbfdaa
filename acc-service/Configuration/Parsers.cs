using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Addresses;
using Microsoft.Extensions.Logging;

namespace ACCOffload.Configuration;

/// <summary>Parsers for common values. Each returns null, or why the text is invalid.</summary>
public static class Parsers
{
    private const int MaxUnixPathBytes = 107;
    private const string NotDecimal = "has an IP address that is not four decimal numbers";

    /// <summary>A network in CIDR form (RFC 4632) without address bits beyond its prefix length.</summary>
    public static string? Network(string text, out IPNetwork network)
    {
        network = default;
        var problem = InterfaceAddress(text, out _);
        if (problem is not null)
        {
            return problem;
        }

        return IpText.TryParseNetwork(text, out network) ? null : "has address bits set beyond its prefix length";
    }

    /// <summary>The address of an interface with its prefix length, such as 192.0.2.1/24.</summary>
    public static string? InterfaceAddress(string text, out (IPAddress Address, int PrefixLength) address)
    {
        address = default;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0)
        {
            return "has no prefix length";
        }

        if (!IpText.TryParse(text.AsSpan(0, slash), out var ip))
        {
            return "has no IP address before the '/'";
        }

        if (!TryNumber(text.AsSpan(slash + 1), out var length))
        {
            return "has no number after the '/'";
        }

        var max = ip.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
        if (length > max)
        {
            return $"has invalid prefix length {length} (0–{max})";
        }

        address = (ip, length);
        return null;
    }

    /// <summary>An IPv4 address in dotted decimal, or an IPv6 address without a zone.</summary>
    public static string? Address(string text, out IPAddress address) =>
        IpText.TryParse(text, out address!) ? null : "is not an IP address";

    /// <summary>address:port, with an IPv6 address in [ ].</summary>
    public static string? EndPoint(string text, out IPEndPoint endPoint)
    {
        endPoint = null!;
        var colon = text.LastIndexOf(':');
        if (colon < 0)
        {
            return "has no port";
        }

        if (!TryNumber(text.AsSpan(colon + 1), out var port) || port > 65535)
        {
            return "has no port from 0 to 65535 after the last ':'";
        }

        var host = text[..colon];
        if (host.StartsWith('[') && host.EndsWith(']'))
        {
            host = host[1..^1];
        }
        else if (host.Contains(':', StringComparison.Ordinal))
        {
            return "has an IPv6 address without [ ] around it";
        }

        if (!IpText.TryParse(host, out var address))
        {
            return "has no IP address before the port";
        }

        endPoint = new IPEndPoint(address, port);
        return null;
    }

    /// <summary>address:port, or an empty string for none.</summary>
    public static string? OptionalEndPoint(string text, out IPEndPoint? endPoint)
    {
        endPoint = null;
        return text.Length == 0 ? null : EndPoint(text, out endPoint);
    }

    /// <summary>An absolute path.</summary>
    public static string? AbsolutePath(string text, out string path)
    {
        path = text;
        if (text.Length == 0)
        {
            return "is empty";
        }

        if (text.Contains('\0', StringComparison.Ordinal))
        {
            return "contains a zero byte";
        }

        return text.StartsWith('/') ? null : "is not an absolute path";
    }

    /// <summary>An IP address, or an empty string for none.</summary>
    public static string? OptionalAddress(string text, out IPAddress? address)
    {
        address = null;
        return text.Length == 0 ? null : Address(text, out address!);
    }

    /// <summary>An absolute path, or an empty string for none.</summary>
    public static string? OptionalPath(string text, out string? path)
    {
        path = null;
        return text.Length == 0 ? null : AbsolutePath(text, out path!);
    }

    /// <summary>An absolute URI (RFC 3986), or an empty string for none.</summary>
    public static string? OptionalUri(string text, out string? uri)
    {
        uri = text.Length == 0 ? null : text;
        return uri is null || Uri.TryCreate(uri, UriKind.Absolute, out _) ? null : "is not an absolute URI";
    }

    /// <summary>The path of a unix socket, at most 107 bytes (sockaddr_un, linux/un.h).</summary>
    public static string? SocketPath(string text, out string path)
    {
        var problem = AbsolutePath(text, out path);
        return problem ?? (
            System.Text.Encoding.UTF8.GetByteCount(text) > MaxUnixPathBytes
                ? $"is longer than the {MaxUnixPathBytes} bytes of a unix socket's path"
                : null);
    }

    /// <summary>unix:/path or https://host:port, for a client.</summary>
    public static string? ServerAddress(string text, out string address)
    {
        address = text;
        if (text.StartsWith("unix:", StringComparison.Ordinal))
        {
            return SocketPath(text["unix:".Length..], out _);
        }

        if (text.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
        {
            return "is not encrypted";
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttps || uri.Host.Length == 0)
        {
            return "is not a server address";
        }

        if (!HasPlainHost(text, uri))
        {
            return NotDecimal;
        }

        return uri.PathAndQuery is "/" or "" ? null : "has a path after the port";
    }

    /// <summary>An https address with nothing after the host and port.</summary>
    public static string? HttpsServer(string text, out Uri server)
    {
        server = null!;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttps || uri.PathAndQuery != "/"
            || uri.UserInfo.Length > 0)
        {
            return "is not the https address of a server";
        }

        if (!HasPlainHost(text, uri))
        {
            return NotDecimal;
        }

        server = uri;
        return null;
    }

    /// <summary>The https address of a Kubernetes API server, optionally with a path. The result ends with a slash.</summary>
    public static string? ApiServer(string text, out Uri server)
    {
        server = null!;
        if (text.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
        {
            return "is not encrypted";
        }

        if (!Uri.TryCreate(text.EndsWith('/') ? text : text + "/", UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttps
            || uri.Host.Length == 0)
        {
            return "is not an https address";
        }

        if (!HasPlainHost(text, uri))
        {
            return NotDecimal;
        }

        if (uri.UserInfo.Length > 0 || uri.Query.Length > 0 || uri.Fragment.Length > 0)
        {
            return "has more than a host, a port and a path";
        }

        server = uri;
        return null;
    }

    /// <summary>unix:/path or address:port, for a server.</summary>
    public static string? ListenAddress(string text, out string address)
    {
        address = text;
        return text.StartsWith("unix:", StringComparison.Ordinal) ? SocketPath(text["unix:".Length..], out _) : EndPoint(text, out _);
    }

    /// <summary>A log level by name, ignoring case.</summary>
    public static string? Level(string text, out LogLevel level)
    {
        // Enum.TryParse would accept numbers and commas.
        foreach (var candidate in Enum.GetValues<LogLevel>())
        {
            if (!text.Equals(candidate.ToString(), StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            level = candidate;
            return null;
        }
        level = default;
        return "is not a log level";
    }

    /// <summary>The name of an enum member, ignoring case.</summary>
    public static string? Name<T>(string text, out T value)
        where T : struct, Enum
    {
        foreach (var candidate in Enum.GetValues<T>())
        {
            if (!text.Equals(candidate.ToString(), StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            value = candidate;
            return null;
        }
        value = default;
        return "is not one of the choices";
    }

    // int.TryParse ignores zero bytes at the end.
    private static bool TryNumber(ReadOnlySpan<char> text, out int number)
    {
        number = 0;
        return !text.ContainsAnyExceptInRange('0', '9') && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    // Uri reads https://010.0.0.1 as 8.0.0.1, and https://10.1 as 10.0.0.1.
    private static bool HasPlainHost(string text, Uri uri)
    {
        if (uri.HostNameType != UriHostNameType.IPv4)
        {
            return true;
        }

        var authority = text.AsSpan(text.IndexOf("://", StringComparison.Ordinal) + 3);
        var end = authority.IndexOfAny('/', '?', '#');
        authority = end < 0 ? authority : authority[..end];
        authority = authority[(authority.LastIndexOf('@') + 1)..];
        var colon = authority.IndexOf(':');
        return IpText.TryParse(colon < 0 ? authority : authority[..colon], out _);
    }
}
