using System.Text.Json.Serialization;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>The stored form of a <see cref="NetworkPolicyRule"/>.</summary>
internal sealed record StoredRule
{
    [JsonPropertyName("peers")]
    public StoredPeer?[]? Peers { get; init; }

    [JsonPropertyName("ports")]
    public StoredPort?[]? Ports { get; init; }

    public static StoredRule Of(NetworkPolicyRule rule) => new()
    {
        Peers = StoredField.ListOf(rule.Peers, StoredPeer.Of),
        Ports = StoredField.ListOf(rule.Ports, StoredPort.Of),
    };

    public NetworkPolicyRule ToRule() => new(
        StoredField.Sequence(Peers, "peers", p => p.ToPeer()), StoredField.Sequence(Ports, "ports", p => p.ToPort()));
}
