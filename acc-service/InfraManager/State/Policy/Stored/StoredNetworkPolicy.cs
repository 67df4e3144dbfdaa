using System.Text.Json.Serialization;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>The stored form of a <see cref="NetworkPolicyRecord"/>.</summary>
internal sealed record StoredNetworkPolicy
{
    [JsonPropertyName("namespace")]
    public string? Namespace { get; init; }

    [JsonPropertyName("name")]
    public string? Name { get; init; }

    [JsonPropertyName("pods")]
    public StoredRequirement?[]? Pods { get; init; }

    [JsonPropertyName("ingress")]
    public StoredRule?[]? Ingress { get; init; }

    [JsonPropertyName("egress")]
    public StoredRule?[]? Egress { get; init; }

    [JsonPropertyName("types")]
    public string?[]? Types { get; init; }

    public static StoredNetworkPolicy Of(NetworkPolicyRecord record) => new()
    {
        Namespace = record.Namespace,
        Name = record.Name,
        Pods = StoredRequirement.ListOf(record.Pods),
        Ingress = StoredField.ListOf(record.Ingress, StoredRule.Of),
        Egress = StoredField.ListOf(record.Egress, StoredRule.Of),
        Types = StoredField.ListOf(record.Types, t => t),
    };

    public NetworkPolicyRecord ToRecord() => new(
        StoredField.Required(Namespace, "namespace"),
        StoredField.Required(Name, "name"),
        StoredField.Required(StoredRequirement.Selector(Pods, "pods"), "pods"),
        StoredField.Sequence(Ingress, "ingress", r => r.ToRule()),
        StoredField.Sequence(Egress, "egress", r => r.ToRule()),
        StoredField.Sequence(Types, "types", t => t));
}
