using System.Text.Json.Serialization;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>The stored form of a <see cref="NamespaceRecord"/>.</summary>
internal sealed record StoredNamespace
{
    [JsonPropertyName("name")]
    public string? Name { get; init; }

    [JsonPropertyName("labels")]
    public LabelSet Labels { get; init; }

    public static StoredNamespace Of(NamespaceRecord record) => new() { Name = record.Name, Labels = record.Labels };

    public NamespaceRecord ToRecord() => new(StoredField.Required(Name, "name"), Labels);
}
