using System.Text.Json.Serialization;

namespace ACCOffload.InfraManager.Cluster.Objects;

// The JSON of the objects that policy follows from, limited to the fields that are used. The parser skips others without allocating.

internal sealed record NamespaceDocument(MetadataDocument? Metadata);

internal sealed record PodDocument(PodMetadataDocument? Metadata, PodSpecDocument? Spec, PodStatusDocument? Status);

internal sealed record PodMetadataDocument(
    string? Name,
    string? Namespace,
    string? Uid,
    string? ResourceVersion,
    Dictionary<string, string?>? Labels,
    PodAnnotationsDocument? Annotations);

/// <summary>Kubelet's annotations of the mirror of a static pod.</summary>
internal sealed record PodAnnotationsDocument(
    [property: JsonPropertyName("kubernetes.io/config.mirror")] string? Mirror,
    [property: JsonPropertyName("kubernetes.io/config.hash")] string? Hash);

internal sealed record PodSpecDocument(
    string? NodeName, bool? HostNetwork, ContainerDocument?[]? Containers, ContainerDocument?[]? InitContainers);

internal sealed record ContainerDocument(ContainerPortDocument?[]? Ports, string? RestartPolicy);

internal sealed record ContainerPortDocument(string? Name, int? ContainerPort, string? Protocol);

internal sealed record PodStatusDocument(
    string? Phase,
    [property: JsonPropertyName("podIP")] string? Address,
    [property: JsonPropertyName("podIPs")] PodAddressDocument?[]? Addresses);

internal sealed record PodAddressDocument([property: JsonPropertyName("ip")] string? Address);

internal sealed record SelectorDocument(Dictionary<string, string?>? MatchLabels, RequirementDocument?[]? MatchExpressions);

internal sealed record RequirementDocument(string? Key, string? Operator, string?[]? Values);

internal sealed record NetworkPolicyDocument(MetadataDocument? Metadata, NetworkPolicySpecDocument? Spec);

internal sealed record NetworkPolicySpecDocument(
    SelectorDocument? PodSelector,
    NetworkPolicyRuleDocument?[]? Ingress,
    NetworkPolicyRuleDocument?[]? Egress,
    string?[]? PolicyTypes);

internal sealed record NetworkPolicyRuleDocument(
    NetworkPolicyPortDocument?[]? Ports, NetworkPolicyPeerDocument?[]? From, NetworkPolicyPeerDocument?[]? To);

internal sealed record NetworkPolicyPortDocument(
    string? Protocol, [property: JsonConverter(typeof(NumberOrNameConverter))] NumberOrName? Port, int? EndPort);

internal sealed record NetworkPolicyPeerDocument(
    SelectorDocument? PodSelector, SelectorDocument? NamespaceSelector, AddressBlockDocument? IpBlock);

internal sealed record AddressBlockDocument([property: JsonPropertyName("cidr")] string? Range, string?[]? Except);

internal sealed record ClusterPolicyDocument(MetadataDocument? Metadata, ClusterPolicySpecDocument? Spec);

internal sealed record ClusterPolicySpecDocument(
    string? Tier, int? Priority, ClusterSubjectDocument? Subject, ClusterRuleDocument?[]? Ingress, ClusterRuleDocument?[]? Egress);

internal sealed record ClusterSubjectDocument(SelectorDocument? Namespaces, NamespacedPodDocument? Pods);

internal sealed record NamespacedPodDocument(SelectorDocument? NamespaceSelector, SelectorDocument? PodSelector);

internal sealed record ClusterRuleDocument(
    string? Name, string? Action, ClusterPeerDocument?[]? From, ClusterPeerDocument?[]? To, ClusterProtocolDocument?[]? Protocols);

internal sealed record ClusterPeerDocument(
    SelectorDocument? Namespaces, NamespacedPodDocument? Pods, string?[]? Networks, SelectorDocument? Nodes, string?[]? DomainNames);

internal sealed record ClusterProtocolDocument(
    ClusterPortsDocument? Tcp, ClusterPortsDocument? Udp, ClusterPortsDocument? Sctp, string? DestinationNamedPort);

internal sealed record ClusterPortsDocument(ClusterPortDocument? DestinationPort);

internal sealed record ClusterPortDocument(int? Number, ClusterPortRangeDocument? Range);

internal sealed record ClusterPortRangeDocument(int? Start, int? End);

/// <summary>Where an otherwise unreadable ClusterNetworkPolicy stands in the order.</summary>
internal sealed record ClusterRankDocument(ClusterRankSpecDocument? Spec);

internal sealed record ClusterRankSpecDocument(string? Tier, int? Priority);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(NamespaceDocument))]
[JsonSerializable(typeof(PodDocument))]
[JsonSerializable(typeof(NetworkPolicyDocument))]
[JsonSerializable(typeof(ClusterPolicyDocument))]
[JsonSerializable(typeof(ClusterRankDocument))]
internal sealed partial class PolicyDocumentJson : JsonSerializerContext;
