using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>Converts the API's JSON to validated objects with defaults filled in.</summary>
internal static class ObjectReaders
{
    // The API server's limits for a slice. The lists of a Service are bounded only by the object's size.
    private const int MaxEndpoints = 1000;
    private const int MaxSlicePorts = 100;

    // The API server allows one range per family; a node has a few addresses.
    private const int MaxRanges = 8;
    private const int MaxNodeAddresses = NodeRecord.MaxAddresses;
    private const int DefaultAffinitySeconds = 10800;
    private const int MaxAffinitySeconds = 86400;

    public static ServiceObject Service(ReadOnlySpan<byte> json)
    {
        var document = JsonSerializer.Deserialize(json, KubeJson.Default.ServiceDocument);
        var (name, metadata) = Identify("Service", document?.Metadata, namespaced: true);
        var fields = new FieldReader($"Service {name}");
        var spec = document!.Spec ?? throw fields.Invalid("spec", "missing");
        var type = spec.Type switch
        {
            null or "" or "ClusterIP" => ServiceType.ClusterIP,
            "NodePort" => ServiceType.NodePort,
            "LoadBalancer" => ServiceType.LoadBalancer,
            "ExternalName" => ServiceType.ExternalName,
            _ => throw fields.Invalid("spec.type", $"{FieldReader.Quote(spec.Type)} is not a service type"),
        };
        var external = List(fields, spec.ExternalIPs, "spec.externalIPs", fields.Address);
        var externalLocal = IsLocal(fields, spec.ExternalTrafficPolicy, "spec.externalTrafficPolicy")
            && (type is ServiceType.NodePort or ServiceType.LoadBalancer || (type == ServiceType.ClusterIP && external.Length > 0));
        var ports = spec.Ports ?? [];
        var (ranges, rangesProblem) = SourceRanges(fields, spec);
        return new ServiceObject(name, metadata.Uid ?? "", metadata.ResourceVersion ?? "")
        {
            Created = metadata.CreationTimestamp ?? DateTimeOffset.MaxValue,
            HasProxyName = metadata.Labels?.ContainsKey(ResourceKinds.ProxyNameLabel) == true,
            HasHeadlessLabel = metadata.Labels?.ContainsKey(ResourceKinds.HeadlessLabel) == true,
            Type = type,
            ClusterIPs = ClusterAddresses(fields, spec),
            Ports = [.. ports.Select((p, i) => ServicePort(fields, p, $"spec.ports[{i}]"))],
            ExternalIPs = external,
            IngressIPs = Ingress(fields, document.Status?.LoadBalancer?.Ingress ?? []),
            SourceRanges = ranges,
            SourceRangesProblem = rangesProblem,
            ExternalTrafficLocal = externalLocal,
            InternalTrafficLocal = IsLocal(fields, spec.InternalTrafficPolicy, "spec.internalTrafficPolicy"),
            AffinitySeconds = Affinity(fields, spec),
            HealthCheckNodePort = type == ServiceType.LoadBalancer && externalLocal
                ? fields.Port(spec.HealthCheckNodePort, "spec.healthCheckNodePort", zeroIsNone: true)
                : (ushort)0,
        };
    }

    public static SliceObject Slice(ReadOnlySpan<byte> json)
    {
        var document = JsonSerializer.Deserialize(json, KubeJson.Default.SliceDocument);
        var (name, metadata) = Identify("EndpointSlice", document?.Metadata, namespaced: true);
        var fields = new FieldReader($"EndpointSlice {name}");
        AddressFamily? family = document!.AddressType switch
        {
            "IPv4" => AddressFamily.InterNetwork,
            "IPv6" => AddressFamily.InterNetworkV6,
            "FQDN" => null,
            null or "" => throw fields.Invalid("addressType", "missing"),
            var other => throw fields.Invalid("addressType", $"{FieldReader.Quote(other)} is not an address type"),
        };
        var ports = document.Ports ?? [];
        var endpoints = document.Endpoints ?? [];
        fields.CheckLength(ports, MaxSlicePorts, "ports");
        fields.CheckLength(endpoints, MaxEndpoints, "endpoints");
        return new SliceObject(name, metadata.Uid ?? "", metadata.ResourceVersion ?? "")
        {
            ServiceName = metadata.Labels?.GetValueOrDefault(ResourceKinds.ServiceNameLabel) ?? "",
            HasProxyName = metadata.Labels?.ContainsKey(ResourceKinds.ProxyNameLabel) == true,
            HasHeadlessLabel = metadata.Labels?.ContainsKey(ResourceKinds.HeadlessLabel) == true,
            Family = family,
            Ports = [.. ports.Select((p, i) => SlicePort(fields, p, $"ports[{i}]"))],
            // A proxy cannot use host names.
            Endpoints = family is { } f ? [.. endpoints.Select((e, i) => Endpoint(fields, e, f, $"endpoints[{i}]"))] : [],
        };
    }

    public static NodeObject Node(ReadOnlySpan<byte> json)
    {
        var document = JsonSerializer.Deserialize(json, KubeJson.Default.NodeDocument);
        var metadata = document?.Metadata ?? throw new FieldReader("Node").Invalid("metadata", "missing");
        var name = new ObjectName("", new FieldReader("Node").Required(metadata.Name, "metadata.name"));
        var fields = new FieldReader($"Node {name}");
        var addresses = document!.Status?.Addresses ?? [];
        var ranges = document.Spec?.PodRanges ?? (document.Spec?.PodRange is { Length: > 0 } single ? [single] : []);
        fields.CheckLength(addresses, MaxNodeAddresses, "status.addresses");
        fields.CheckLength(ranges, MaxRanges, "spec.podCIDRs");
        return new NodeObject(name, metadata.Uid ?? "", metadata.ResourceVersion ?? "")
        {
            // Not shared as those of pods: each node has a label with its name.
            Labels = LabelSet.Of((metadata.Labels ?? []).Select(l => KeyValuePair.Create(NameCache.Intern(l.Key), l.Value ?? ""))),
            Zone = metadata.Labels?.GetValueOrDefault(ResourceKinds.ZoneLabel) ?? "",
            // A host name, or the name that a cloud gives, may be there too.
            Addresses = [.. addresses.Select(a => IpText.TryParse(a?.Address, out var address) ? address : null).OfType<IPAddress>()],
            // Other types are names, or addresses that a cloud translates and the node does not have.
            InternalAddresses = [.. addresses.Select((a, i) => (Document: a, Field: $"status.addresses[{i}].address"))
                .Where(a => a.Document?.Type == "InternalIP").Select(a => fields.Address(a.Document!.Address, a.Field)).Distinct()],
            PodRanges = List(fields, ranges, "spec.podCIDRs", fields.Network),
            TunnelAddress = TunnelAddress(fields, metadata.Annotations),
            TunnelMac = TunnelMac(fields, metadata.Annotations),
        };
    }

    public static ServiceRangeObject ServiceRange(ReadOnlySpan<byte> json)
    {
        var document = JsonSerializer.Deserialize(json, KubeJson.Default.ServiceRangeDocument);
        var (name, metadata) = Identify("ServiceCIDR", document?.Metadata, namespaced: false);
        var fields = new FieldReader($"ServiceCIDR {name}");
        var ranges = document!.Spec?.Ranges ?? [];
        fields.CheckLength(ranges, MaxRanges, "spec.cidrs");
        return new ServiceRangeObject(name, metadata.Uid ?? "", metadata.ResourceVersion ?? "")
        {
            Ranges = List(fields, ranges, "spec.cidrs", fields.Network),
        };
    }

    /// <summary>A Service whose content cannot be read: its name only, so that its previous version does not stay in use.</summary>
    public static ServiceObject UnreadableService(ReadOnlySpan<byte> json, string problem)
    {
        var metadata = JsonSerializer.Deserialize(json, KubeJson.Default.ObjectDocument)!.Metadata!;
        return new ServiceObject(
            new ObjectName(metadata.Namespace ?? "", metadata.Name!), metadata.Uid ?? "", metadata.ResourceVersion ?? "")
        {
            Created = metadata.CreationTimestamp ?? DateTimeOffset.MaxValue,
            ReadError = problem,
        };
    }

    /// <summary>An EndpointSlice whose content cannot be read: its name only, so that its previous endpoints get no traffic.</summary>
    public static SliceObject UnreadableSlice(ReadOnlySpan<byte> json, string problem)
    {
        var metadata = JsonSerializer.Deserialize(json, KubeJson.Default.ObjectDocument)!.Metadata!;
        return new SliceObject(new ObjectName(metadata.Namespace ?? "", metadata.Name!), metadata.Uid ?? "", metadata.ResourceVersion ?? "")
        {
            ServiceName = metadata.Labels?.GetValueOrDefault(ResourceKinds.ServiceNameLabel) ?? "",
            ReadError = problem,
        };
    }

    /// <summary>The name of an object that cannot be read otherwise; null if even the name cannot be read.</summary>
    public static ObjectName? TryName(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, KubeJson.Default.ObjectDocument)?.Metadata is { Name: { Length: > 0 } name } metadata
                ? new ObjectName(metadata.Namespace ?? "", name)
                : null;
        }
        catch (Exception e) when (JsonErrors.IsInvalid(e))
        {
            return null;
        }
    }

    /// <summary>The object's name. A namespaced object must have a namespace.</summary>
    /// <exception cref="KubeFormatException">The name or the namespace is missing.</exception>
    public static (ObjectName Name, MetadataDocument Metadata) Identify(string kind, MetadataDocument? metadata, bool namespaced)
    {
        var fields = new FieldReader(kind);
        if (metadata is null)
        {
            throw fields.Invalid("metadata", "missing");
        }

        var name = fields.Required(metadata.Name, "metadata.name");
        return (new ObjectName(namespaced ? fields.Required(metadata.Namespace, "metadata.namespace") : "", name), metadata);
    }

    private static IPAddress? TunnelAddress(FieldReader fields, NodeAnnotationsDocument? annotations) => annotations switch
    {
        // With the prefix length of the node's network.
        { CalicoAddress: { Length: > 0 } text } =>
            fields.Address(text.Split('/')[0], "metadata.annotations[projectcalico.org/IPv4Address]"),
        { FlannelAddress: { Length: > 0 } text } => fields.Address(text, "metadata.annotations[flannel.alpha.coreos.com/public-ip]"),
        _ => null,
    };

    private static MacAddress? TunnelMac(FieldReader fields, NodeAnnotationsDocument? annotations)
    {
        const string CalicoField = "metadata.annotations[projectcalico.org/VXLANTunnelMACAddr]";
        const string FlannelField = "metadata.annotations[flannel.alpha.coreos.com/backend-data]";
        var (text, field) = annotations switch
        {
            { CalicoTunnelMac: { Length: > 0 } mac } => (mac, CalicoField),
            // Backends other than VXLAN announce no MAC address.
            { FlannelData: { Length: > 0 } data } =>
                (JsonSerializer.Deserialize(data, KubeJson.Default.FlannelDataDocument)?.TunnelMac ?? "", FlannelField),
            _ => ("", ""),
        };
        return text.Length == 0 ? null
            : MacAddress.TryParse(text, out var parsed) ? parsed
            : throw fields.Invalid(field, $"{FieldReader.Quote(text)} is not a MAC address");
    }

    private static T[] List<T>(FieldReader fields, string?[]? list, string field, Func<string?, string, T> read)
    {
        return list is null ? [] : [.. list.Select((text, i) => read(text, $"{field}[{i}]")).Distinct()];
    }

    /// <summary>An invalid list does not invalidate the service: it closes the addresses that the list protects.</summary>
    private static (IPNetwork[] Ranges, string Problem) SourceRanges(FieldReader fields, ServiceSpecDocument spec)
    {
        try
        {
            return (List(fields, spec.LoadBalancerSourceRanges, "spec.loadBalancerSourceRanges", fields.Network), "");
        }
        catch (KubeFormatException e)
        {
            return ([], e.Message);
        }
    }

    private static bool IsLocal(FieldReader fields, string? policy, string field) => policy switch
    {
        null or "" or "Cluster" => false,
        "Local" => true,
        _ => throw fields.Invalid(field, $"{FieldReader.Quote(policy)} is not a traffic policy"),
    };

    private static IPAddress[] ClusterAddresses(FieldReader fields, ServiceSpecDocument spec)
    {
        if (spec.ClusterIP is null or "" or "None")
        {
            return [];
        }

        return spec.ClusterIPs is { Length: > 0 }
            ? List(fields, spec.ClusterIPs, "spec.clusterIPs", fields.Address)
            : [fields.Address(spec.ClusterIP, "spec.clusterIP")];
    }

    private static ServicePortObject ServicePort(FieldReader fields, ServicePortDocument? port, string field) => port is null
        ? throw fields.Invalid(field, "null")
        : new ServicePortObject(
            port.Name ?? "",
            fields.Protocol(port.Protocol, field + ".protocol"),
            fields.Port(port.Port, field + ".port"),
            fields.Port(port.NodePort, field + ".nodePort", zeroIsNone: true));

    private static IPAddress[] Ingress(FieldReader fields, IngressDocument?[] ingress)
    {
        const string Field = "status.loadBalancer.ingress";
        var addresses = new List<IPAddress>();
        for (var i = 0; i < ingress.Length; i++)
        {
            // Host names and addresses in mode Proxy are served by the load balancer.
            if (ingress[i] is { Address: { Length: > 0 } text, IpMode: null or "" or "VIP" })
            {
                addresses.Add(fields.Address(text, $"{Field}[{i}].ip"));
            }
        }
        return [.. addresses.Distinct()];
    }

    private static int Affinity(FieldReader fields, ServiceSpecDocument spec)
    {
        const string Field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
        switch (spec.SessionAffinity)
        {
            case null or "" or "None":
                return 0;
            case "ClientIP":
                var seconds = spec.SessionAffinityConfig?.ClientIP?.TimeoutSeconds ?? DefaultAffinitySeconds;
                return seconds is > 0 and <= MaxAffinitySeconds
                    ? seconds
                    : throw fields.Invalid(Field, $"{seconds} is outside 1..{MaxAffinitySeconds}");
            default:
                throw fields.Invalid("spec.sessionAffinity", $"{FieldReader.Quote(spec.SessionAffinity)} is not a session affinity");
        }
    }

    private static SlicePort SlicePort(FieldReader fields, SlicePortDocument? port, string field) => port is null
        ? throw fields.Invalid(field, "null")
        : new SlicePort(
            port.Name is { } name ? NameCache.Intern(name) : null,
            fields.Protocol(port.Protocol, field + ".protocol"),
            fields.Port(port.Port, field + ".port", zeroIsNone: true));

    private static SliceEndpoint Endpoint(FieldReader fields, EndpointDocument? endpoint, AddressFamily family, string field)
    {
        if (endpoint is null)
        {
            throw fields.Invalid(field, "null");
        }
        // The API reserves further addresses; the first one is the endpoint's.
        var address = fields.Address(endpoint.Addresses is { Length: > 0 } all ? all[0] : null, field + ".addresses[0]");
        if (address.AddressFamily != family)
        {
            throw fields.Invalid(field + ".addresses[0]", $"{address} does not match addressType");
        }

        var zones = endpoint.Hints?.ForZones ?? [];
        return new SliceEndpoint(
            address,
            NameCache.Intern(endpoint.NodeName ?? ""),
            endpoint.Conditions?.Ready ?? true,
            endpoint.Conditions?.Serving ?? true,
            endpoint.Conditions?.Terminating ?? false,
            // Hardly any endpoint has hints, and the empty list is shared.
            zones.Length == 0
                ? []
                : [.. zones.Select((z, i) => NameCache.Intern(fields.Required(z?.Name, $"{field}.hints.forZones[{i}].name")))])
        {
            Uid = UidHash.Of(endpoint.TargetRef?.Uid),
        };
    }
}

/// <summary>
/// Shares one string instance between equal names of nodes, zones and ports. Bounded, because cluster users choose the names.
/// </summary>
internal static class NameCache
{
    private const int MaxNames = 8192;

    private static readonly ConcurrentDictionary<string, string> Names = new(StringComparer.Ordinal);

    public static string Intern(string name)
    {
        if (Names.TryGetValue(name, out var shared))
        {
            return shared;
        }
        // Clearing costs a few duplicates; strings in use are unaffected.
        if (Names.Count >= MaxNames)
        {
            Names.Clear();
        }

        return Names.GetOrAdd(name, name);
    }
}

/// <summary>
/// Stores the UID of an endpoint in 8 bytes instead of 36 characters. Stable across processes because the database keeps it. Compared only
/// between endpoints of the same address.
/// </summary>
internal static class UidHash
{
    /// <summary>0 for no UID.</summary>
    public static ulong Of(string? uid)
    {
        if (string.IsNullOrEmpty(uid))
        {
            return 0;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(uid), hash);
        return Math.Max(1, BinaryPrimitives.ReadUInt64BigEndian(hash));
    }
}
