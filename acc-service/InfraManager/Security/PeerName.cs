using System.Net;
using Microsoft.AspNetCore.Connections;

namespace ACCOffload.InfraManager.Security;

/// <summary>A client's address for the log: without the port, which differs each time.</summary>
internal static class PeerName
{
    public static string Of(BaseConnectionContext connection) => connection.RemoteEndPoint switch
    {
        IPEndPoint ip => (ip.Address.IsIPv4MappedToIPv6 ? ip.Address.MapToIPv4() : ip.Address).ToString(),
        { } other => other.ToString() ?? "unknown",
        null => "unknown",
    };
}
