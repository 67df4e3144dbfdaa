using System.Text.Json.Serialization;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>The stored form of a <see cref="PolicyPort"/>.</summary>
internal sealed record StoredPort
{
    [JsonPropertyName("protocol")]
    public byte? Protocol { get; init; }

    [JsonPropertyName("port")]
    public ushort? Port { get; init; }

    [JsonPropertyName("end")]
    public ushort? EndPort { get; init; }

    [JsonPropertyName("name")]
    public string? Name { get; init; }

    public static StoredPort Of(PolicyPort port) => new()
    {
        Protocol = port.Protocol,
        Port = port.Port,
        EndPort = port.EndPort,
        Name = port.Name.Length == 0 ? null : port.Name,
    };

    public PolicyPort ToPort() => new(Protocol, Port, EndPort, Name ?? "");
}
