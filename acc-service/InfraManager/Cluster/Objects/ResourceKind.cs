namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>One kind of object: where it is listed and how it is read.</summary>
/// <param name="Kind">As in the API, such as <c>EndpointSlice</c>.</param>
/// <param name="Path">Below the server's address.</param>
/// <param name="Selector">Query parameters that narrow the list, each with a leading <c>&amp;</c>, escaped.</param>
/// <param name="Read">Reads one object.</param>
internal sealed record ResourceKind<T>(string Kind, string Path, string Selector, ObjectReader<T> Read)
    where T : KubeObject
{
    /// <summary>Makes an object of one that can't be read, so that its former version does not stay in force; null: the former version stays.</summary>
    public UnreadableReader<T>? ReadUnreadable { get; init; }
}

/// <summary>Reads the names of an object whose rest can't be read.</summary>
/// <param name="json">The object.</param>
/// <param name="problem">Why it can't be read, one line.</param>
internal delegate T UnreadableReader<T>(ReadOnlySpan<byte> json, string problem);

/// <summary>Reads one object's JSON.</summary>
/// <exception cref="KubeFormatException">It makes no sense.</exception>
/// <exception cref="System.Text.Json.JsonException">It is no JSON, or a value is of another type.</exception>
internal delegate T ObjectReader<T>(ReadOnlySpan<byte> json);

internal static class ResourceKinds
{
    public const string ProxyNameLabel = "service.kubernetes.io/service-proxy-name";
    public const string HeadlessLabel = "service.kubernetes.io/headless";
    public const string ServiceNameLabel = "kubernetes.io/service-name";
    public const string ZoneLabel = "topology.kubernetes.io/zone";

    // What kube-proxy asks for: neither another proxy's services nor headless ones.
    private static readonly string Handled = "&labelSelector=" + Uri.EscapeDataString($"!{ProxyNameLabel},!{HeadlessLabel}");

    public static ResourceKind<ServiceObject> Services { get; } = new("Service", "/api/v1/services", Handled, ObjectReaders.Service) { ReadUnreadable = ObjectReaders.UnreadableService };

    public static ResourceKind<SliceObject> Slices { get; } = new("EndpointSlice", "/apis/discovery.k8s.io/v1/endpointslices", Handled, ObjectReaders.Slice) { ReadUnreadable = ObjectReaders.UnreadableSlice };

    /// <summary>The one node of that name.</summary>
    public static ResourceKind<NodeObject> Node(string name) =>
        new("Node", "/api/v1/nodes", "&fieldSelector=" + Uri.EscapeDataString($"metadata.name={name}"), ObjectReaders.Node);
}
