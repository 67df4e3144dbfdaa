using System.Text.Json.Serialization;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>The stored form of a <see cref="PodRecord"/>.</summary>
internal sealed record StoredPod
{
    [JsonPropertyName("namespace")]
    public string? Namespace { get; init; }

    [JsonPropertyName("name")]
    public string? Name { get; init; }

    [JsonPropertyName("labels")]
    public LabelSet Labels { get; init; }

    [JsonPropertyName("ips")]
    public PolicyAddress[]? Addresses { get; init; }

    [JsonPropertyName("ports")]
    public StoredContainerPort?[]? Ports { get; init; }

    [JsonPropertyName("uid")]
    public string? Uid { get; init; }

    [JsonPropertyName("node")]
    public string? Node { get; init; }

    [JsonPropertyName("host")]
    public bool IsHostNetwork { get; init; }

    [JsonPropertyName("finished")]
    public bool IsFinished { get; init; }

    [JsonPropertyName("local")]
    public bool IsLocal { get; init; }

    public static StoredPod Of(PodRecord record) => new()
    {
        Namespace = record.Namespace,
        Name = record.Name,
        Labels = record.Labels,
        Addresses = StoredField.ListOf(record.Addresses, a => a),
        Ports = StoredField.ListOf(record.Ports, p => new StoredContainerPort { Name = p.Name, Protocol = p.Protocol, Port = p.Port }),
        Uid = record.Uid.Length == 0 ? null : record.Uid,
        Node = record.Node.Length == 0 ? null : record.Node,
        IsHostNetwork = record.IsHostNetwork,
        IsFinished = record.IsFinished,
        IsLocal = record.IsLocal,
    };

    public PodRecord ToRecord() => new(
        StoredField.Required(Namespace, "namespace"),
        StoredField.Required(Name, "name"),
        Labels,
        StoredField.Addresses(Addresses, "ips"),
        StoredField.Sequence(Ports, "ports", p => new ContainerPort(p.Name ?? "", p.Protocol, p.Port)))
    {
        Uid = Uid ?? "",
        Node = Node ?? "",
        IsHostNetwork = IsHostNetwork,
        IsFinished = IsFinished,
        IsLocal = IsLocal,
    };
}
