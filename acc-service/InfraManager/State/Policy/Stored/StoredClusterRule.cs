using System.Text.Json;
using System.Text.Json.Serialization;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>The stored form of a <see cref="ClusterPolicyRule"/>.</summary>
internal sealed record StoredClusterRule
{
    [JsonPropertyName("name")]
    public string? Name { get; init; }

    /// <summary>The number of the <see cref="PolicyAction"/>.</summary>
    [JsonPropertyName("action")]
    public int Action { get; init; }

    [JsonPropertyName("peers")]
    public StoredPeer?[]? Peers { get; init; }

    [JsonPropertyName("ports")]
    public StoredPort?[]? Ports { get; init; }

    public static StoredClusterRule Of(ClusterPolicyRule rule) => new()
    {
        Name = rule.Name.Length == 0 ? null : rule.Name,
        Action = (int)rule.Action,
        Peers = StoredField.ListOf(rule.Peers, StoredPeer.Of),
        Ports = StoredField.ListOf(rule.Ports, StoredPort.Of),
    };

    public ClusterPolicyRule ToRule() => Enum.IsDefined((PolicyAction)Action)
        ? new ClusterPolicyRule(
            Name ?? "", (PolicyAction)Action, StoredField.Sequence(Peers, "peers", p => p.ToPeer()),
            StoredField.Sequence(Ports, "ports", p => p.ToPort()))
        : throw new JsonException($"action {Action} is unknown");
}
