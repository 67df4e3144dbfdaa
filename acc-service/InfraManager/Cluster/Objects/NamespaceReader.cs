using System.Text.Json;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>Reads Namespaces (v1).</summary>
internal static class NamespaceReader
{
    private const string Kind = "Namespace";

    /// <exception cref="KubeFormatException">A field is invalid.</exception>
    /// <exception cref="JsonException">The JSON is malformed, or a value has the wrong type.</exception>
    public static PolicyResource Read(ReadOnlySpan<byte> json)
    {
        var document = JsonSerializer.Deserialize(json, PolicyDocumentJson.Default.NamespaceDocument);
        var (name, metadata) = ObjectReaders.Identify(Kind, document?.Metadata, namespaced: false);
        return Of(name, metadata, new NamespaceRecord(NameCache.Intern(name.Name), LabelCache.Of(metadata.Labels)));
    }

    /// <summary>A Namespace whose content cannot be read has no labels.</summary>
    public static PolicyResource Unreadable(ReadOnlySpan<byte> json, string problem)
    {
        var (name, metadata) = PolicyNames.Read(json, Kind, isNamespaced: false);
        return Of(name, metadata, new NamespaceRecord(name.Name, default)) with { Problem = problem, IsUnreadable = true };
    }

    private static PolicyResource Of(ObjectName name, MetadataDocument metadata, NamespaceRecord record) =>
        new(name, metadata.Uid ?? "", metadata.ResourceVersion ?? "", record.ObjectKey) { Record = record };
}
