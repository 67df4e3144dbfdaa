using System.Text.Json.Serialization;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>The stored form of a <see cref="ContainerPort"/>.</summary>
internal sealed record StoredContainerPort
{
    [JsonPropertyName("name")]
    public string? Name { get; init; }

    [JsonPropertyName("protocol")]
    public byte Protocol { get; init; }

    [JsonPropertyName("port")]
    public ushort Port { get; init; }
}
