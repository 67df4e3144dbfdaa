using System.Text.Json.Serialization;

namespace ACCOffload.InfraManager.Migration;

/// <summary>A device that 24.01's agent has given to a pod or to the host.</summary>
internal sealed record AgentDeviceRecord(
    [property: JsonPropertyName("pciaddr")] string PciAddress,
    [property: JsonPropertyName("interfacename")] string InterfaceName,
    [property: JsonPropertyName("vfid")] int Function,
    [property: JsonPropertyName("macaddr")] string Mac);
