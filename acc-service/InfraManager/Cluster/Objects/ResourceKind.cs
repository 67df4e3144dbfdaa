namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>A kind of object: where to list it and how to read it.</summary>
/// <param name="Kind">The API's name for the kind, such as <c>EndpointSlice</c>.</param>
/// <param name="Path">The path of the list, relative to the server's address.</param>
/// <param name="Selector">Escaped query parameters that restrict the list, each with a leading <c>&amp;</c>.</param>
/// <param name="Read">Reads one object.</param>
internal sealed record ResourceKind<T>(string Kind, string Path, string Selector, ObjectReader<T> Read)
    where T : KubeObject
{
    /// <summary>Reads the name of an object whose content cannot be read; null keeps the previous version in use.</summary>
    public NameOnlyReader<T>? ReadNameOnly { get; init; }

    /// <summary>Whether older API servers do not have the kind, so that its absence is no failure.</summary>
    public bool IsOptional { get; init; }
}

/// <summary>Reads the name of an object whose content cannot be read.</summary>
/// <param name="json">The object.</param>
/// <param name="problem">Why it cannot be read, in one line.</param>
internal delegate T NameOnlyReader<T>(ReadOnlySpan<byte> json, string problem);

/// <summary>Reads one object's JSON.</summary>
/// <exception cref="KubeFormatException">A field is invalid.</exception>
/// <exception cref="System.Text.Json.JsonException">The JSON is malformed, or a value has the wrong type.</exception>
internal delegate T ObjectReader<T>(ReadOnlySpan<byte> json);

internal static class ResourceKinds
{
    public const string ProxyNameLabel = "service.kubernetes.io/service-proxy-name";
    public const string HeadlessLabel = "service.kubernetes.io/headless";
    public const string ServiceNameLabel = "kubernetes.io/service-name";
    public const string ZoneLabel = "topology.kubernetes.io/zone";

    // As in kube-proxy: skip headless services and those of other proxies.
    private static readonly string ServedSelector = "&labelSelector=" + Uri.EscapeDataString($"!{ProxyNameLabel},!{HeadlessLabel}");

    public static ResourceKind<ServiceObject> Services { get; } = new("Service", "/api/v1/services", ServedSelector, ObjectReaders.Service)
    {
        ReadNameOnly = ObjectReaders.UnreadableService,
    };

    public static ResourceKind<SliceObject> Slices { get; } =
        new("EndpointSlice", "/apis/discovery.k8s.io/v1/endpointslices", ServedSelector, ObjectReaders.Slice)
        {
            ReadNameOnly = ObjectReaders.UnreadableSlice,
        };

    /// <summary>The node of that name.</summary>
    public static ResourceKind<NodeObject> Node(string name) =>
        new("Node", "/api/v1/nodes", "&fieldSelector=" + Uri.EscapeDataString($"metadata.name={name}"), ObjectReaders.Node);

    /// <summary>All nodes.</summary>
    public static ResourceKind<NodeObject> Nodes { get; } = new("Nodes", "/api/v1/nodes", "", ObjectReaders.Node);

    /// <summary>Served since Kubernetes 1.33.</summary>
    public static ResourceKind<ServiceRangeObject> ServiceRanges { get; } =
        new("ServiceCIDR", "/apis/networking.k8s.io/v1/servicecidrs", "", ObjectReaders.ServiceRange) { IsOptional = true };
}
