using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace ACCOffload.Connections;

/// <summary>A client's address: without the port, which differs each time.</summary>
internal static class PeerName
{
    private const int SiteBytes = 8;

    /// <summary>For the log.</summary>
    public static string Of(BaseConnectionContext connection) => connection.RemoteEndPoint switch
    {
        IPEndPoint ip => Of(ip.Address),
        { } other => other.ToString() is { Length: > 0 } text ? text : "local",
        null => "unknown",
    };

    /// <summary>For the log.</summary>
    public static string Of(IPAddress? address) => address is null ? "unknown" : (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();

    /// <summary>What limits by address go by: of IPv6 the first 64 bits, since one machine has all that follow.</summary>
    public static string GroupOf(BaseConnectionContext connection)
    {
        if (connection.RemoteEndPoint is not IPEndPoint { Address: { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false } address })
        {
            return Of(connection);
        }

        var bytes = address.GetAddressBytes();
        bytes.AsSpan(SiteBytes).Clear();
        return $"{new IPAddress(bytes)}/64";
    }
}
