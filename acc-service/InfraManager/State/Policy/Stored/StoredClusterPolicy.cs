using System.Text.Json.Serialization;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>The stored form of a <see cref="ClusterPolicyRecord"/>.</summary>
internal sealed record StoredClusterPolicy
{
    [JsonPropertyName("name")]
    public string? Name { get; init; }

    [JsonPropertyName("baseline")]
    public bool IsBaseline { get; init; }

    [JsonPropertyName("priority")]
    public int Priority { get; init; }

    [JsonPropertyName("namespaces")]
    public StoredRequirement?[]? Namespaces { get; init; }

    [JsonPropertyName("pods")]
    public StoredRequirement?[]? Pods { get; init; }

    [JsonPropertyName("ingress")]
    public StoredClusterRule?[]? Ingress { get; init; }

    [JsonPropertyName("egress")]
    public StoredClusterRule?[]? Egress { get; init; }

    public static StoredClusterPolicy Of(ClusterPolicyRecord record) => new()
    {
        Name = record.Name,
        IsBaseline = record.IsBaseline,
        Priority = record.Priority,
        Namespaces = StoredRequirement.ListOf(record.Namespaces),
        Pods = StoredRequirement.ListOf(record.Pods),
        Ingress = StoredField.ListOf(record.Ingress, StoredClusterRule.Of),
        Egress = StoredField.ListOf(record.Egress, StoredClusterRule.Of),
    };

    public ClusterPolicyRecord ToRecord() => new(
        StoredField.Required(Name, "name"),
        IsBaseline,
        Priority,
        StoredField.Required(StoredRequirement.Selector(Namespaces, "namespaces"), "namespaces"),
        StoredField.Required(StoredRequirement.Selector(Pods, "pods"), "pods"),
        StoredField.Sequence(Ingress, "ingress", r => r.ToRule()),
        StoredField.Sequence(Egress, "egress", r => r.ToRule()));
}
