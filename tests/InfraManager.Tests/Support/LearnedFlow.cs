using System.Net;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>An entry of the table of flows, as the data plane learns it (docs/programming.md).</summary>
internal static class LearnedFlow
{
    public static LearnedEntry Of(
        Pipeline pipeline, byte protocol, (string Address, ushort Port) client, (string Address, ushort Port) remote,
        (string Address, ushort Port) seen, uint frontend = 0, uint backend = 0, bool outside = false, bool isNode = false,
        TimeSpan timeout = default, TimeSpan idle = default)
    {
        var entry = pipeline.Table("replies").NewEntry()
            .Exact("protocol", protocol)
            .Exact("remote_ip", IPAddress.Parse(remote.Address).GetAddressBytes()).Exact("remote_port", remote.Port)
            .Exact("endpoint_id", 0)
            .Exact("local_ip", IPAddress.Parse(seen.Address).GetAddressBytes()).Exact("local_port", seen.Port)
            .Action("way_back")
            .Param("slot", 8).Param("frontend_id", frontend).Param("backend_id", backend)
            .Param("client_ip", IPAddress.Parse(client.Address).GetAddressBytes()).Param("client_port", client.Port)
            .Param("outside", outside ? 1u : 0u).Param("from_node", isNode ? 1u : 0u)
            .Build();
        return new LearnedEntry(entry, timeout == default ? TimeSpan.FromSeconds(60) : timeout, idle);
    }
}
