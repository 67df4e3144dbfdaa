using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace ACCOffload.Connections;

/// <summary>The address of a client, without the port, which differs each time.</summary>
internal static class PeerName
{
    private const int PrefixBytes = 8;

    /// <summary>The name for the log.</summary>
    public static string Of(BaseConnectionContext connection) => connection.RemoteEndPoint switch
    {
        IPEndPoint ip => Of(ip.Address),
        { } other => other.ToString() is { Length: > 0 } text ? text : "local",
        null => "unknown",
    };

    /// <summary>The name for the log.</summary>
    public static string Of(IPAddress? address) =>
        address is null ? "unknown" : (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();

    /// <summary>The key of limits per address: the first 64 bits of an IPv6 address, since one machine can use the whole /64.</summary>
    public static string GroupOf(BaseConnectionContext connection)
    {
        if (connection.RemoteEndPoint is not IPEndPoint { Address: var address }
            || address is not { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false })
        {
            return Of(connection);
        }

        var bytes = address.GetAddressBytes();
        bytes.AsSpan(PrefixBytes).Clear();
        return $"{new IPAddress(bytes)}/64";
    }
}
