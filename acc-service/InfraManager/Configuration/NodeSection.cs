using System.Globalization;
using System.Net;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>Reads the sections Node and Devices, and other keys that describe the node.</summary>
internal static class NodeSection
{
    public static NodeSettings Read(ConfigurationReader reader) => new()
    {
        Name = reader.Value<string>(
            "Node:Name", Environment.MachineName.ToLowerInvariant(), NodeParsers.NodeName, "give the node's name in Kubernetes"),
        PodRanges = reader.List<IPNetwork>("Node:PodRanges", Parsers.Network, Remedies.Range),
        NodeAddresses = reader.List<IPAddress>("Node:NodeAddresses", Parsers.Address, Remedies.Address),
        HostAddresses = reader.List<IPAddress>("Node:HostAddresses", Parsers.Address, Remedies.Address),
        VirtualRanges = reader.List<IPNetwork>("Node:VirtualRanges", Parsers.Network, Remedies.Range),
        ExternalRanges = reader.List<IPNetwork>("Node:ExternalRanges", Parsers.Network, Remedies.Range),
        NodePorts = reader.Value<PortSpan>(
            "Node:NodePorts", "30000-32767", PortSpan.Parse, "give the cluster's range of node ports such as 30000-32767"),
        ClusterRanges = reader.List<IPNetwork>("Node:ClusterRanges", Parsers.Network, Remedies.Range),
        Masquerade = reader.Value<MasqueradeMode>("Node:Masquerade", "auto", Parsers.Name, "give auto, on or off"),
        Gateway = reader.Value<IPAddress>("Node:Gateway", "169.254.1.1", NodeParsers.Gateway, "give an IPv4 address such as 169.254.1.1"),
        GatewayMac = reader.Value<MacAddress>(
            "Node:GatewayMac", "02:ac:c0:00:00:01", NodeParsers.Mac, "give a unicast MAC address such as 02:ac:c0:00:00:01"),
        MasqueradePorts = reader.Value<PortRange>("Node:MasqueradePorts", "12000-29999", PortRange.Parse, "give ports such as 12000-29999"),
        Profile = reader.Value<PipelineProfile>(
            "Pipeline:Profile", "k8s_dp", PipelineProfiles.Parse, $"give one of {PipelineProfiles.Names}"),
        ArpPort = reader.Value<uint?>(
            "ArpProxy:Port", "", DeviceParsers.OptionalPort,
            "give the number of a port of the target, or \"\" for the one that the profile implies"),
        Uplink = UplinkSection.Read(reader),
        Tunnel = TunnelSection.Read(reader),
        Mtu = MtuSetting.Read(reader, "Node:Mtu", "0 for what the uplink and its tunnels carry"),
        Devices = ReadDevices(reader),
    };

    private static DeviceRules ReadDevices(ConfigurationReader reader)
    {
        var rules = ReadDeviceLists(reader);
        var max = (int)reader.Number("Devices:MaxPorts", 0, 0, 65535);
        if (rules.PortRule == PortRule.Mac && max > DeviceRules.MaxVports)
        {
            reader.Fail(
                "Devices:MaxPorts", max.ToString(CultureInfo.InvariantCulture),
                $"is more than {DeviceRules.MaxVports}, the maximum number of vports with Target:PortRule mac",
                $"give 1 to {DeviceRules.MaxVports}, or 0 for {DeviceRules.MaxVports}");
        }

        return rules with { MaxPorts = rules.PortRule == PortRule.Mac && max == 0 ? DeviceRules.MaxVports : max };
    }

    private static DeviceRules ReadDeviceLists(ConfigurationReader reader) => new()
    {
        Kinds = reader.List<DeviceKind>("Devices:Kinds", DeviceParsers.Kind, $"give one of {DeviceKinds.Names}"),
        Ports = reader.List<string>("Devices:Ports", DeviceParsers.PortPattern, "give the name of a port, or a prefix and *"),
        Macs = reader.List<MacRange>(
            "Devices:Macs", DeviceParsers.MacRange,
            "give a MAC address, or the first of a range with its prefix length, such as 00:10:00:00:03:00/40"),
        PortRule = reader.Value<PortRule>("Target:PortRule", "gnmi", Parsers.Name, "give gnmi or mac"),
    };
}
