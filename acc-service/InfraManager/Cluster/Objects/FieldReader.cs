using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>Parses the field values of one object; errors name the object and the field.</summary>
internal readonly struct FieldReader(string subject)
{
    public KubeFormatException Invalid(string field, string reason) => new(subject, field, reason);

    public string Required(string? text, string field) =>
        string.IsNullOrEmpty(text) ? throw Invalid(field, "missing") : text;

    public void CheckLength<T>(T[]? list, int max, string field)
    {
        if (list is not null && list.Length > max)
        {
            throw Invalid(field, $"{list.Length} elements, at most {max}");
        }
    }

    public ushort Port(int? number, string field, bool zeroIsNone = false)
    {
        if (zeroIsNone && number is null or 0)
        {
            return 0;
        }

        return number is > 0 and <= 65535
            ? (ushort)number
            : throw Invalid(field, number is null ? "missing" : $"{number} is outside 1..65535");
    }

    public ProtocolType Protocol(string? text, string field) => text switch
    {
        null or "" or "TCP" => ProtocolType.Tcp,
        "UDP" => ProtocolType.Udp,
        "SCTP" => Transport.Sctp,
        _ => throw Invalid(field, $"{Quote(text)} is not TCP, UDP or SCTP"),
    };

    public IPAddress Address(string? text, string field) =>
        TryAddress(Required(text, field), out var address) ? address : throw Invalid(field, $"{Quote(text!)} is not an IP address");

    public IPNetwork Network(string? text, string field)
    {
        // The API server accepts surrounding white space.
        var trimmed = Required(text, field).Trim();
        var slash = trimmed.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || !TryAddress(trimmed[..slash], out var address)
            || !int.TryParse(trimmed.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var length)
            || length > address.GetAddressBytes().Length * 8)
        {
            throw Invalid(field, $"{Quote(text!)} is not a CIDR range");
        }
        return IpText.NetworkOf(address, length);
    }

    public static string Quote(string text) => $"\"{ConfigurationError.OneLine(text)}\"";

    /// <summary>
    /// Parses addresses as the API server does: octets may have leading zeros (IpText rejects them because other programs read them as
    /// octal), and an IPv4-mapped address is IPv4.
    /// </summary>
    private static bool TryAddress(string text, out IPAddress address)
    {
        address = IPAddress.None;
        if (text.Contains(':', StringComparison.Ordinal))
        {
            if (!IpText.TryParse(text, out var six))
            {
                return false;
            }

            address = six.IsIPv4MappedToIPv6 ? six.MapToIPv4() : six;
            return true;
        }
        Span<byte> bytes = stackalloc byte[4];
        var rest = text.AsSpan();
        for (var i = 0; i < 4; i++)
        {
            var dot = i < 3 ? rest.IndexOf('.') : rest.Length;
            if (dot < 1 || !byte.TryParse(rest[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out bytes[i]))
            {
                return false;
            }

            rest = i < 3 ? rest[(dot + 1)..] : rest;
        }
        address = new IPAddress(bytes);
        return true;
    }
}
