using System.Text.Json.Serialization;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>The stored form of a <see cref="PolicyPeer"/>.</summary>
internal sealed record StoredPeer
{
    [JsonPropertyName("pods")]
    public StoredRequirement?[]? Pods { get; init; }

    [JsonPropertyName("namespaces")]
    public StoredRequirement?[]? Namespaces { get; init; }

    [JsonPropertyName("nodes")]
    public StoredRequirement?[]? Nodes { get; init; }

    [JsonPropertyName("nets")]
    public PolicyNet[]? Nets { get; init; }

    [JsonPropertyName("except")]
    public PolicyNet[]? Except { get; init; }

    public static StoredPeer Of(PolicyPeer peer) => new()
    {
        Pods = StoredRequirement.ListOf(peer.Pods),
        Namespaces = StoredRequirement.ListOf(peer.Namespaces),
        Nodes = StoredRequirement.ListOf(peer.Nodes),
        Nets = StoredField.ListOf(peer.Nets, n => n),
        Except = StoredField.ListOf(peer.Except, n => n),
    };

    public PolicyPeer ToPeer() => new()
    {
        Pods = StoredRequirement.Selector(Pods, "peers.pods"),
        Namespaces = StoredRequirement.Selector(Namespaces, "peers.namespaces"),
        Nodes = StoredRequirement.Selector(Nodes, "peers.nodes"),
        Nets = [.. Nets ?? []],
        Except = [.. Except ?? []],
    };
}
