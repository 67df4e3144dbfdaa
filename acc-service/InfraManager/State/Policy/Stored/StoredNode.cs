using System.Text.Json.Serialization;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>The stored form of a <see cref="NodeRecord"/>.</summary>
internal sealed record StoredNode
{
    [JsonPropertyName("name")]
    public string? Name { get; init; }

    [JsonPropertyName("labels")]
    public LabelSet Labels { get; init; }

    [JsonPropertyName("ips")]
    public PolicyAddress[]? Addresses { get; init; }

    public static StoredNode Of(NodeRecord record) => new()
    {
        Name = record.Name,
        Labels = record.Labels,
        Addresses = StoredField.ListOf(record.Addresses, a => a),
    };

    public NodeRecord ToRecord() =>
        new(StoredField.Required(Name, "name"), Labels, [.. (Addresses ?? []).Distinct().Order()]);
}
