using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ACCOffload.NativeInterop.Addresses;

/// <summary>
/// Strict parsing of IP addresses. IPAddress.TryParse reads 10.244.1.050 as octal and accepts hexadecimal numbers, short forms such as
/// 10.1, zones and brackets. Two programs could then read different addresses from the same text, so all of these forms are rejected.
/// </summary>
public static class IpText
{
    /// <summary>Parses four decimal numbers without leading zeros, or an IPv6 address without a zone.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        if (!text.Contains(':'))
        {
            return TryParseIPv4(text, out address);
        }
        // In ::ffff:10.1.2.3 the last part is an IPv4 address.
        var last = text[(text.LastIndexOf(':') + 1)..];
        if (last.Contains('.') && !TryParseIPv4(last, out _))
        {
            return false;
        }

        foreach (var c in text)
        {
            if (!char.IsAsciiHexDigit(c) && c is not (':' or '.'))
            {
                return false;
            }
        }
        return IPAddress.TryParse(text, out address) && address.AddressFamily == AddressFamily.InterNetworkV6;
    }

    /// <summary>Parses an address as <see cref="TryParse"/> does.</summary>
    /// <exception cref="FormatException">The text is not in that form.</exception>
    public static IPAddress Parse(string text) =>
        TryParse(text, out var address) ? address : throw new FormatException($"'{text}' is not an IP address");

    /// <summary>Parses an address and its prefix length, such as 192.0.2.1/24. Host bits are kept.</summary>
    public static bool TryParseCidr(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address, out int prefixLength)
    {
        address = null;
        prefixLength = 0;
        var slash = text.IndexOf('/');
        return slash > 0 && TryParse(text[..slash], out address) && TryParsePrefixLength(text[(slash + 1)..], address, out prefixLength);
    }

    /// <summary>Parses a network, such as 192.0.2.0/24; a set host bit is an error.</summary>
    public static bool TryParseNetwork(ReadOnlySpan<char> text, out IPNetwork network)
    {
        network = default;
        if (!TryParseCidr(text, out var address, out var prefixLength) || HasHostBits(address, prefixLength))
        {
            return false;
        }

        network = new IPNetwork(address, prefixLength);
        return true;
    }

    /// <summary>Parses a network as <see cref="TryParseNetwork"/> does.</summary>
    /// <exception cref="FormatException">The text is not in that form.</exception>
    public static IPNetwork ParseNetwork(string text) =>
        TryParseNetwork(text, out var network) ? network : throw new FormatException($"'{text}' is not a network such as 192.0.2.0/24");

    /// <summary>The network of an address, with host bits cleared. The prefix length must be valid.</summary>
    public static IPNetwork NetworkOf(IPAddress address, int prefixLength)
    {
        Span<byte> bytes = stackalloc byte[16];
        _ = address.TryWriteBytes(bytes, out var length);
        for (var i = 0; i < length; i++)
        {
            var kept = Math.Clamp(prefixLength - (8 * i), 0, 8);
            bytes[i] &= (byte)(0xFF00 >> kept);
        }
        return new IPNetwork(new IPAddress(bytes[..length]), prefixLength);
    }

    /// <summary>Parses address:port; an IPv6 address is in brackets.</summary>
    public static bool TryParseEndPoint(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPEndPoint? endPoint)
    {
        endPoint = null;
        var colon = text.LastIndexOf(':');
        if (colon < 0 || !TryParseDecimal(text[(colon + 1)..], out var port) || port > IPEndPoint.MaxPort)
        {
            return false;
        }

        var host = text[..colon];
        var hasBrackets = host is ['[', .., ']'];
        if (!TryParse(hasBrackets ? host[1..^1] : host, out var address)
            || hasBrackets != (address.AddressFamily == AddressFamily.InterNetworkV6))
        {
            return false;
        }

        endPoint = new IPEndPoint(address, port);
        return true;
    }

    private static bool TryParseIPv4(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        Span<byte> bytes = stackalloc byte[4];
        for (var i = 0; i < bytes.Length; i++)
        {
            var end = i < bytes.Length - 1 ? text.IndexOf('.') : text.Length;
            if (end is < 1 or > 3 || (end > 1 && text[0] == '0') || !TryParseDecimal(text[..end], out var number) || number > byte.MaxValue)
            {
                return false;
            }

            bytes[i] = (byte)number;
            text = i < bytes.Length - 1 ? text[(end + 1)..] : default;
        }
        address = new IPAddress(bytes);
        return true;
    }

    private static bool TryParsePrefixLength(ReadOnlySpan<char> text, IPAddress address, out int length) =>
        TryParseDecimal(text, out length) && length <= (address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);

    // int.TryParse alone would ignore trailing zero bytes.
    private static bool TryParseDecimal(ReadOnlySpan<char> text, out int number)
    {
        number = 0;
        return !text.ContainsAnyExceptInRange('0', '9') && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    private static bool HasHostBits(IPAddress address, int prefixLength)
    {
        Span<byte> bytes = stackalloc byte[16];
        _ = address.TryWriteBytes(bytes, out var length);
        for (var i = 0; i < length; i++)
        {
            var kept = Math.Clamp(prefixLength - (8 * i), 0, 8);
            if ((bytes[i] & (0xFF >> kept)) != 0)
            {
                return true;
            }
        }
        return false;
    }
}
