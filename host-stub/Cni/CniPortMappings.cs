using System.Net;
using System.Text.Json;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Cni;

/// <summary>runtimeConfig.portMappings: the pod's host ports.</summary>
internal static class CniPortMappings
{
    private const string Field = "runtimeConfig.portMappings";

    /// <summary>Reads the host ports; as in the reference plugin, a mapping without a host port is ignored.</summary>
    /// <exception cref="CniException">Error 6 or 7, with the field.</exception>
    public static IReadOnlyList<HostPort> Read(JsonElement runtimeConfig)
    {
        var ports = new List<HostPort>();
        var index = 0;
        foreach (var mapping in CniJson.Objects(runtimeConfig, "portMappings", "runtimeConfig."))
        {
            if (Read(mapping, $"{Field}[{index++}].") is { } port)
            {
                ports.Add(port);
            }
        }

        return ports.Count <= ProtocolLimits.MaxHostPorts
            ? ports
            : throw Invalid(Field, $"{ports.Count} host ports are more than {ProtocolLimits.MaxHostPorts}");
    }

    private static HostPort? Read(JsonElement mapping, string where)
    {
        var hostPort = CniJson.Int(mapping, "hostPort", where) ?? 0;
        var containerPort = CniJson.Int(mapping, "containerPort", where) ?? 0;
        var protocol = CniJson.String(mapping, "protocol", where);
        var address = CniJson.String(mapping, "hostIP", where);
        return hostPort == 0 ? null : new HostPort(
            Transport.Find(protocol) ?? throw Invalid($"{where}protocol", $"\"{protocol}\": tcp, udp or sctp is needed"),
            PortOf($"{where}hostPort", hostPort),
            PortOf($"{where}containerPort", containerPort),
            AddressOf($"{where}hostIP", address));
    }

    private static ushort PortOf(string field, int number) =>
        number is > 0 and <= ushort.MaxValue ? (ushort)number : throw Invalid(field, $"{number} is outside 1..65535");

    private static IPAddress? AddressOf(string field, string text)
    {
        if (text.Length == 0)
        {
            return null;
        }

        if (!IpText.TryParse(text, out var address))
        {
            throw Invalid(field, $"\"{text}\": an IP address is needed, or nothing for all addresses of the node");
        }

        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }

    private static CniException Invalid(string field, string reason) =>
        new(CniErrorCode.InvalidNetworkConfig, $"{field} is not valid in the network configuration", reason);
}
