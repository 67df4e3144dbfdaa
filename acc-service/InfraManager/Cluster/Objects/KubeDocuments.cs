using System.Text.Json.Serialization;

namespace ACCOffload.InfraManager.Cluster.Objects;

// The JSON of the Kubernetes API, limited to the fields that are used.

internal sealed record MetadataDocument(
    string? Name,
    string? Namespace,
    string? Uid,
    string? ResourceVersion,
    DateTimeOffset? CreationTimestamp,
    Dictionary<string, string?>? Labels);

internal sealed record ObjectDocument(MetadataDocument? Metadata);

internal sealed record ListMetadataDocument(string? ResourceVersion, string? Continue);

/// <summary>meta/v1 Status: an error from the API server.</summary>
internal sealed record StatusDocument(string? Reason, string? Message, int? Code, StatusDetailsDocument? Details);

internal sealed record StatusDetailsDocument(int? RetryAfterSeconds);

internal sealed record ServiceDocument(MetadataDocument? Metadata, ServiceSpecDocument? Spec, ServiceStatusDocument? Status);

internal sealed record ServiceSpecDocument(
    string? Type,
    string? ClusterIP,
    string?[]? ClusterIPs,
    ServicePortDocument?[]? Ports,
    string?[]? ExternalIPs,
    string?[]? LoadBalancerSourceRanges,
    string? ExternalTrafficPolicy,
    string? InternalTrafficPolicy,
    string? SessionAffinity,
    SessionAffinityConfigDocument? SessionAffinityConfig,
    int? HealthCheckNodePort);

internal sealed record ServicePortDocument(string? Name, string? Protocol, int? Port, int? NodePort);

internal sealed record SessionAffinityConfigDocument(ClientIPDocument? ClientIP);

internal sealed record ClientIPDocument(int? TimeoutSeconds);

internal sealed record ServiceStatusDocument(LoadBalancerDocument? LoadBalancer);

internal sealed record LoadBalancerDocument(IngressDocument?[]? Ingress);

internal sealed record IngressDocument([property: JsonPropertyName("ip")] string? Address, string? IpMode);

internal sealed record SliceDocument(
    MetadataDocument? Metadata, string? AddressType, SlicePortDocument?[]? Ports, EndpointDocument?[]? Endpoints);

internal sealed record SlicePortDocument(string? Name, string? Protocol, int? Port);

internal sealed record EndpointDocument(
    string?[]? Addresses, ConditionsDocument? Conditions, string? NodeName, HintsDocument? Hints, TargetReferenceDocument? TargetRef);

internal sealed record TargetReferenceDocument(string? Uid);

internal sealed record ConditionsDocument(bool? Ready, bool? Serving, bool? Terminating);

internal sealed record HintsDocument(ZoneDocument?[]? ForZones);

internal sealed record ZoneDocument(string? Name);

internal sealed record NodeDocument(NodeMetadataDocument? Metadata, NodeSpecDocument? Spec, NodeStatusDocument? Status);

internal sealed record NodeMetadataDocument(
    string? Name,
    string? Uid,
    string? ResourceVersion,
    Dictionary<string, string?>? Labels,
    NodeAnnotationsDocument? Annotations);

/// <summary>How Calico and flannel announce a node's tunnel endpoint.</summary>
internal sealed record NodeAnnotationsDocument(
    [property: JsonPropertyName("projectcalico.org/IPv4Address")] string? CalicoAddress,
    [property: JsonPropertyName("projectcalico.org/VXLANTunnelMACAddr")] string? CalicoTunnelMac,
    [property: JsonPropertyName("flannel.alpha.coreos.com/public-ip")] string? FlannelAddress,
    [property: JsonPropertyName("flannel.alpha.coreos.com/backend-data")] string? FlannelData);

/// <summary>The value of flannel's annotation.</summary>
internal sealed record FlannelDataDocument([property: JsonPropertyName("VtepMAC")] string? TunnelMac);

internal sealed record NodeSpecDocument(
    [property: JsonPropertyName("podCIDR")] string? PodRange, [property: JsonPropertyName("podCIDRs")] string?[]? PodRanges);

internal sealed record NodeStatusDocument(NodeAddressDocument?[]? Addresses);

internal sealed record NodeAddressDocument(string? Type, string? Address);

internal sealed record ServiceRangeDocument(MetadataDocument? Metadata, ServiceRangeSpecDocument? Spec);

internal sealed record ServiceRangeSpecDocument([property: JsonPropertyName("cidrs")] string?[]? Ranges);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ObjectDocument))]
[JsonSerializable(typeof(ListMetadataDocument))]
[JsonSerializable(typeof(StatusDocument))]
[JsonSerializable(typeof(ServiceDocument))]
[JsonSerializable(typeof(SliceDocument))]
[JsonSerializable(typeof(NodeDocument))]
[JsonSerializable(typeof(FlannelDataDocument))]
[JsonSerializable(typeof(ServiceRangeDocument))]
internal sealed partial class KubeJson : JsonSerializerContext;
