using System.Text.Json;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>Names of objects that policy follows from, when nothing else of them can be read.</summary>
internal static class PolicyNames
{
    /// <exception cref="KubeFormatException">The name is missing.</exception>
    public static (ObjectName Name, MetadataDocument Metadata) Read(ReadOnlySpan<byte> json, string kind, bool isNamespaced) =>
        ObjectReaders.Identify(kind, JsonSerializer.Deserialize(json, KubeJson.Default.ObjectDocument)?.Metadata, isNamespaced);
}
