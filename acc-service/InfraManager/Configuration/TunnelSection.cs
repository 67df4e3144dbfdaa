using System.Globalization;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>Reads Node:Encapsulation and Node:Vxlan.</summary>
internal static class TunnelSection
{
    private const int MaxVni = (1 << 24) - 1;

    // The ports that the pipeline's parser knows.
    private static readonly int[] Ports = [TunnelSettings.DefaultPort, 8472];

    public static TunnelSettings Read(ConfigurationReader reader)
    {
        var port = (int)reader.Number("Node:Vxlan:Port", TunnelSettings.DefaultPort, 1, 65535);
        if (!Ports.Contains(port))
        {
            reader.Fail(
                "Node:Vxlan:Port", port.ToString(CultureInfo.InvariantCulture), "is not a port that the pipeline knows",
                "give 4789 (IANA, Calico) or 8472 (Linux, flannel)");
        }

        return new TunnelSettings
        {
            Mode = reader.Value<EncapsulationMode>("Node:Encapsulation", "auto", Parsers.Name, "give auto, always or never"),
            Vni = (int)reader.Number("Node:Vxlan:Vni", TunnelSettings.DefaultVni, 1, MaxVni),
            Port = port,
            Mac = reader.Value<MacAddress?>(
                "Node:Vxlan:Mac", "", NodeParsers.OptionalMac,
                "give a unicast MAC address, or \"\" for the one derived from the node's name"),
        };
    }
}
