using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>From the API's JSON to objects: validated, bounded, defaults filled in.</summary>
internal static class ObjectReaders
{
    // The API server's own limits of a slice. It has none for a Service's lists: what bounds them is the size of an object.
    private const int MostEndpoints = 1000;
    private const int MostSlicePorts = 100;
    private const int DefaultAffinitySeconds = 10800;
    private const int LongestAffinitySeconds = 86400;

    public static ServiceObject Service(ReadOnlySpan<byte> json)
    {
        var document = JsonSerializer.Deserialize(json, KubeJson.Default.ServiceDocument);
        var (name, metadata) = Identify("Service", document?.Metadata, namespaced: true);
        var values = new KubeValues($"Service {name}");
        var spec = document!.Spec ?? throw values.Wrong("spec", "is missing");
        var type = spec.Type switch
        {
            null or "" or "ClusterIP" => ServiceType.ClusterIP,
            "NodePort" => ServiceType.NodePort,
            "LoadBalancer" => ServiceType.LoadBalancer,
            "ExternalName" => ServiceType.ExternalName,
            _ => throw values.Wrong("spec.type", $"{KubeValues.Shown(spec.Type)} is no type of service"),
        };
        var external = List(values, spec.ExternalIPs, "spec.externalIPs", values.Address);
        var externalLocal = IsLocal(values, spec.ExternalTrafficPolicy, "spec.externalTrafficPolicy")
            && (type is ServiceType.NodePort or ServiceType.LoadBalancer || (type == ServiceType.ClusterIP && external.Length > 0));
        var ports = spec.Ports ?? [];
        var (ranges, rangesProblem) = SourceRanges(values, spec);
        return new ServiceObject(name, metadata.Uid ?? "", metadata.ResourceVersion ?? "")
        {
            Created = metadata.CreationTimestamp ?? DateTimeOffset.MaxValue,
            HasProxyName = metadata.Labels?.ContainsKey(ResourceKinds.ProxyNameLabel) == true,
            HasHeadlessLabel = metadata.Labels?.ContainsKey(ResourceKinds.HeadlessLabel) == true,
            Type = type,
            ClusterIPs = ClusterAddresses(values, spec),
            Ports = [.. ports.Select((p, i) => ServicePort(values, p, $"spec.ports[{i}]"))],
            ExternalIPs = external,
            IngressIPs = Ingress(values, document.Status?.LoadBalancer?.Ingress ?? []),
            SourceRanges = ranges,
            SourceRangesProblem = rangesProblem,
            ExternalTrafficLocal = externalLocal,
            InternalTrafficLocal = IsLocal(values, spec.InternalTrafficPolicy, "spec.internalTrafficPolicy"),
            AffinitySeconds = Affinity(values, spec),
            HealthCheckNodePort = type == ServiceType.LoadBalancer && externalLocal
                ? values.Port(spec.HealthCheckNodePort, "spec.healthCheckNodePort", zeroIsNone: true)
                : (ushort)0,
        };
    }

    public static SliceObject Slice(ReadOnlySpan<byte> json)
    {
        var document = JsonSerializer.Deserialize(json, KubeJson.Default.SliceDocument);
        var (name, metadata) = Identify("EndpointSlice", document?.Metadata, namespaced: true);
        var values = new KubeValues($"EndpointSlice {name}");
        AddressFamily? family = document!.AddressType switch
        {
            "IPv4" => AddressFamily.InterNetwork,
            "IPv6" => AddressFamily.InterNetworkV6,
            "FQDN" => null,
            null or "" => throw values.Wrong("addressType", "is missing"),
            var other => throw values.Wrong("addressType", $"{KubeValues.Shown(other)} is no type of address"),
        };
        var ports = document.Ports ?? [];
        var endpoints = document.Endpoints ?? [];
        values.Bound(ports, MostSlicePorts, "ports");
        values.Bound(endpoints, MostEndpoints, "endpoints");
        return new SliceObject(name, metadata.Uid ?? "", metadata.ResourceVersion ?? "")
        {
            ServiceName = metadata.Labels?.GetValueOrDefault(ResourceKinds.ServiceNameLabel) ?? "",
            HasProxyName = metadata.Labels?.ContainsKey(ResourceKinds.ProxyNameLabel) == true,
            HasHeadlessLabel = metadata.Labels?.ContainsKey(ResourceKinds.HeadlessLabel) == true,
            Family = family,
            Ports = [.. ports.Select((p, i) => SlicePort(values, p, $"ports[{i}]"))],
            // Names are of no use to a proxy.
            Endpoints = family is { } f ? [.. endpoints.Select((e, i) => Endpoint(values, e, f, $"endpoints[{i}]"))] : [],
        };
    }

    public static NodeObject Node(ReadOnlySpan<byte> json)
    {
        var (name, metadata) = Identify("Node", JsonSerializer.Deserialize(json, KubeJson.Default.ObjectDocument)?.Metadata, namespaced: false);
        return new NodeObject(name, metadata.Uid ?? "", metadata.ResourceVersion ?? "")
        {
            Zone = metadata.Labels?.GetValueOrDefault(ResourceKinds.ZoneLabel) ?? "",
        };
    }

    /// <summary>Stands for a Service that can't be read: what it was before must not stay in force.</summary>
    public static ServiceObject UnreadableService(ReadOnlySpan<byte> json, string problem)
    {
        var metadata = JsonSerializer.Deserialize(json, KubeJson.Default.ObjectDocument)!.Metadata!;
        return new ServiceObject(new ObjectName(metadata.Namespace ?? "", metadata.Name!), metadata.Uid ?? "", metadata.ResourceVersion ?? "")
        {
            Created = metadata.CreationTimestamp ?? DateTimeOffset.MaxValue,
            Unreadable = problem,
        };
    }

    /// <summary>Stands for an EndpointSlice that can't be read: its former endpoints must not get traffic any more.</summary>
    public static SliceObject UnreadableSlice(ReadOnlySpan<byte> json, string problem)
    {
        var metadata = JsonSerializer.Deserialize(json, KubeJson.Default.ObjectDocument)!.Metadata!;
        return new SliceObject(new ObjectName(metadata.Namespace ?? "", metadata.Name!), metadata.Uid ?? "", metadata.ResourceVersion ?? "")
        {
            ServiceName = metadata.Labels?.GetValueOrDefault(ResourceKinds.ServiceNameLabel) ?? "",
            Unreadable = problem,
        };
    }

    /// <summary>The name of an object of which the rest can't be read; null when not even that can.</summary>
    public static ObjectName? TryName(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, KubeJson.Default.ObjectDocument)?.Metadata is { Name: { Length: > 0 } name } metadata
                ? new ObjectName(metadata.Namespace ?? "", name)
                : null;
        }
        catch (Exception e) when (JsonFields.IsNonsense(e))
        {
            return null;
        }
    }

    private static (ObjectName Name, MetadataDocument Metadata) Identify(string kind, MetadataDocument? metadata, bool namespaced)
    {
        var values = new KubeValues(kind);
        if (metadata is null)
        {
            throw values.Wrong("metadata", "is missing");
        }

        var name = values.Required(metadata.Name, "metadata.name");
        return (new ObjectName(namespaced ? values.Required(metadata.Namespace, "metadata.namespace") : "", name), metadata);
    }

    private static T[] List<T>(KubeValues values, string?[]? list, string field, Func<string?, string, T> read)
    {
        return list is null ? [] : [.. list.Select((text, i) => read(text, $"{field}[{i}]")).Distinct()];
    }

    /// <summary>A list that can't be read does not make the service unreadable: it closes the addresses that it guards.</summary>
    private static (IPNetwork[] Ranges, string Problem) SourceRanges(KubeValues values, ServiceSpecDocument spec)
    {
        try
        {
            return (List(values, spec.LoadBalancerSourceRanges, "spec.loadBalancerSourceRanges", values.Network), "");
        }
        catch (KubeFormatException e)
        {
            return ([], e.Message);
        }
    }

    private static bool IsLocal(KubeValues values, string? policy, string field) => policy switch
    {
        null or "" or "Cluster" => false,
        "Local" => true,
        _ => throw values.Wrong(field, $"{KubeValues.Shown(policy)} is no traffic policy"),
    };

    private static IPAddress[] ClusterAddresses(KubeValues values, ServiceSpecDocument spec)
    {
        if (spec.ClusterIP is null or "" or "None")
        {
            return [];
        }

        return spec.ClusterIPs is { Length: > 0 }
            ? List(values, spec.ClusterIPs, "spec.clusterIPs", values.Address)
            : [values.Address(spec.ClusterIP, "spec.clusterIP")];
    }

    private static ServicePortObject ServicePort(KubeValues values, ServicePortDocument? port, string field) => port is null
        ? throw values.Wrong(field, "is null")
        : new ServicePortObject(
            port.Name ?? "",
            values.Protocol(port.Protocol, field + ".protocol"),
            values.Port(port.Port, field + ".port"),
            values.Port(port.NodePort, field + ".nodePort", zeroIsNone: true));

    private static IPAddress[] Ingress(KubeValues values, IngressDocument?[] ingress)
    {
        const string Field = "status.loadBalancer.ingress";
        var addresses = new List<IPAddress>();
        for (var i = 0; i < ingress.Length; i++)
        {
            // A name without an address is the load balancer's own affair, and so is one that proxies.
            if (ingress[i] is { Address: { Length: > 0 } text, IpMode: null or "" or "VIP" })
            {
                addresses.Add(values.Address(text, $"{Field}[{i}].ip"));
            }
        }
        return [.. addresses.Distinct()];
    }

    private static int Affinity(KubeValues values, ServiceSpecDocument spec)
    {
        const string Field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
        switch (spec.SessionAffinity)
        {
            case null or "" or "None":
                return 0;
            case "ClientIP":
                var seconds = spec.SessionAffinityConfig?.ClientIP?.TimeoutSeconds ?? DefaultAffinitySeconds;
                return seconds is > 0 and <= LongestAffinitySeconds ? seconds : throw values.Wrong(Field, $"{seconds} is not from 1 to {LongestAffinitySeconds}");
            default:
                throw values.Wrong("spec.sessionAffinity", $"{KubeValues.Shown(spec.SessionAffinity)} is no session affinity");
        }
    }

    private static SlicePort SlicePort(KubeValues values, SlicePortDocument? port, string field) => port is null
        ? throw values.Wrong(field, "is null")
        : new SlicePort(
            port.Name is { } name ? NamePool.Share(name) : null,
            values.Protocol(port.Protocol, field + ".protocol"),
            values.Port(port.Port, field + ".port", zeroIsNone: true));

    private static SliceEndpoint Endpoint(KubeValues values, EndpointDocument? endpoint, AddressFamily family, string field)
    {
        if (endpoint is null)
        {
            throw values.Wrong(field, "is null");
        }
        // More than one address is reserved by the API; the first is the endpoint.
        var address = values.Address(endpoint.Addresses is { Length: > 0 } all ? all[0] : null, field + ".addresses[0]");
        if (address.AddressFamily != family)
        {
            throw values.Wrong(field + ".addresses[0]", $"{address} is of another family than addressType");
        }

        var zones = endpoint.Hints?.ForZones ?? [];
        return new SliceEndpoint(
            address,
            NamePool.Share(endpoint.NodeName ?? ""),
            endpoint.Conditions?.Ready ?? true,
            endpoint.Conditions?.Serving ?? true,
            endpoint.Conditions?.Terminating ?? false,
            zones.Length == 0 ? [] : [.. zones.Select((z, i) => NamePool.Share(values.Required(z?.Name, $"{field}.hints.forZones[{i}].name")))])
        {
            Uid = UidHash.Of(endpoint.TargetRef?.Uid),
        };
    }
}

/// <summary>One string for the same name in many objects: nodes, zones, ports. Bounded, because what is named is the cluster's users' choice.</summary>
internal static class NamePool
{
    private const int Most = 8192;

    private static readonly ConcurrentDictionary<string, string> Names = new(StringComparer.Ordinal);

    public static string Share(string name)
    {
        if (Names.TryGetValue(name, out var shared))
        {
            return shared;
        }
        // Starting over costs a few repeats; strings in use stay as they are.
        if (Names.Count >= Most)
        {
            Names.Clear();
        }

        return Names.GetOrAdd(name, name);
    }
}

/// <summary>
/// Eight bytes in place of a UID's 36 characters, for each endpoint of the cluster. The same in every process, as it is kept in the database; only
/// compared with others of the same address.
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
