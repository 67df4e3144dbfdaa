using System.Text.Json;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>Reads Pods (v1), of which a cluster has tens of thousands.</summary>
internal static class PodReader
{
    private const string Kind = "Pod";

    // The API allows one address of each family.
    private const int MaxAddresses = 8;

    /// <exception cref="KubeFormatException">A field is invalid.</exception>
    /// <exception cref="JsonException">The JSON is malformed, or a value has the wrong type.</exception>
    public static PolicyResource Read(ReadOnlySpan<byte> json)
    {
        var document = JsonSerializer.Deserialize(json, PolicyDocumentJson.Default.PodDocument);
        var kind = new FieldReader(Kind);
        var metadata = document?.Metadata ?? throw kind.Invalid("metadata", "missing");
        var name = new ObjectName(
            NameCache.Intern(kind.Required(metadata.Namespace, "metadata.namespace")), kind.Required(metadata.Name, "metadata.name"));
        var fields = new FieldReader($"{Kind} {name}");
        var spec = document!.Spec;
        var record = new PodRecord(name.Namespace, name.Name, LabelCache.Of(metadata.Labels), Addresses(fields, document.Status),
            [.. Ports(fields, spec)])
        {
            // The container runtime knows a static pod by the hash that kubelet made.
            Uid = (metadata.Annotations is { Mirror: not null, Hash: { Length: > 0 } hash } ? hash : metadata.Uid) ?? "",
            Node = NameCache.Intern(spec?.NodeName ?? ""),
            IsHostNetwork = spec?.HostNetwork ?? false,
            IsFinished = document.Status?.Phase is "Succeeded" or "Failed",
        };
        return new PolicyResource(name, metadata.Uid ?? "", metadata.ResourceVersion ?? "", record.ObjectKey) { Record = record };
    }

    /// <summary>A Pod whose content cannot be read: nothing of it is known, so that it matches no rule that allows.</summary>
    public static PolicyResource Unreadable(ReadOnlySpan<byte> json, string problem)
    {
        var (name, metadata) = PolicyNames.Read(json, Kind, isNamespaced: true);
        return new PolicyResource(
            name, metadata.Uid ?? "", metadata.ResourceVersion ?? "", new PolicyObjectKey(PolicyObjectKind.Pod, name.ToString()))
        {
            Problem = problem,
            IsUnreadable = true,
        };
    }

    private static SequenceOf<PolicyAddress> Addresses(FieldReader fields, PodStatusDocument? status)
    {
        const string Field = "status.podIPs";
        if (status?.Addresses is not { Length: > 0 } all)
        {
            return status?.Address is { Length: > 0 } single ? [PolicyAddress.Of(fields.Address(single, "status.podIP"))] : [];
        }

        fields.CheckLength(all, MaxAddresses, Field);
        var addresses = new PolicyAddress[all.Length];
        for (var i = 0; i < all.Length; i++)
        {
            addresses[i] = PolicyAddress.Of(fields.Address(all[i]?.Address, $"{Field}[{i}].ip"));
        }

        return [.. addresses.DistinctBy(a => a.IsIpv4)];
    }

    private static IEnumerable<ContainerPort> Ports(FieldReader fields, PodSpecDocument? spec)
    {
        // Init containers that keep running are sidecars, and serve like others.
        var containers = (spec?.Containers ?? []).Select((c, i) => (Document: c, Field: $"spec.containers[{i}]"))
            .Concat((spec?.InitContainers ?? []).Select((c, i) => (Document: c, Field: $"spec.initContainers[{i}]"))
                .Where(c => c.Document?.RestartPolicy == "Always"));
        foreach (var (container, field) in containers)
        {
            var ports = container?.Ports ?? [];
            for (var i = 0; i < ports.Length; i++)
            {
                if (ports[i] is { Name: { Length: > 0 } name } port)
                {
                    var at = $"{field}.ports[{i}]";
                    yield return new ContainerPort(
                        NameCache.Intern(name), (byte)fields.Protocol(port.Protocol, $"{at}.protocol"),
                        fields.Port(port.ContainerPort, $"{at}.containerPort"));
                }
            }
        }
    }
}
