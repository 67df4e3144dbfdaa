using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>Reads single values of one object; what is wrong is told with the object and the field.</summary>
internal readonly struct KubeValues(string subject)
{
    public KubeFormatException Wrong(string field, string reason) => new(subject, field, reason);

    public string Required(string? text, string field) =>
        string.IsNullOrEmpty(text) ? throw Wrong(field, "is missing") : text;

    public void Bound<T>(T[]? list, int most, string field)
    {
        if (list is not null && list.Length > most)
        {
            throw Wrong(field, $"has {list.Length} elements, more than {most}");
        }
    }

    public ushort Port(int? number, string field, bool zeroIsNone = false)
    {
        if (zeroIsNone && number is null or 0)
        {
            return 0;
        }

        return number is > 0 and <= 65535 ? (ushort)number : throw Wrong(field, number is null ? "is missing" : $"{number} is no port");
    }

    public ProtocolType Protocol(string? text, string field) => text switch
    {
        null or "" or "TCP" => ProtocolType.Tcp,
        "UDP" => ProtocolType.Udp,
        "SCTP" => ServiceText.Sctp,
        _ => throw Wrong(field, $"{Shown(text)} is no protocol"),
    };

    public IPAddress Address(string? text, string field) =>
        TryAddress(Required(text, field), out var address) ? address : throw Wrong(field, $"{Shown(text!)} is no IP address");

    public IPNetwork Network(string? text, string field)
    {
        // The API server lets white space around it pass.
        var trimmed = Required(text, field).Trim();
        var slash = trimmed.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || !TryAddress(trimmed[..slash], out var address)
            || !int.TryParse(trimmed.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var length)
            || length > address.GetAddressBytes().Length * 8)
        {
            throw Wrong(field, $"{Shown(text!)} is no range of addresses");
        }
        return new IPNetwork(Masked(address, length), length);
    }

    public static string Shown(string text) => $"\"{ConfigurationError.OneLine(text)}\"";

    /// <summary>As the API server reads them: decimal even with leading zeros, which IpText refuses because other programs take them for octal numbers; a mapped address is IPv4.</summary>
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

    private static IPAddress Masked(IPAddress address, int length)
    {
        var bytes = address.GetAddressBytes();
        for (var i = 0; i < bytes.Length; i++)
        {
            var bits = Math.Clamp(length - (i * 8), 0, 8);
            bytes[i] &= (byte)(0xff << (8 - bits));
        }
        return new IPAddress(bytes);
    }
}
