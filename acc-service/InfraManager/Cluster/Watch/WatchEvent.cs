using System.Text.Json;
using ACCOffload.InfraManager.Cluster.Objects;

namespace ACCOffload.InfraManager.Cluster.Watch;

internal enum WatchEventType
{
    /// <summary>Added or modified.</summary>
    Changed,
    Deleted,

    /// <summary>Reports only a newer resource version.</summary>
    Bookmark,

    /// <summary>The server ended the watch; see the status.</summary>
    Error,
}

/// <summary>One event of a watch.</summary>
/// <param name="Type">What happened.</param>
/// <param name="Name">Name of the object; default for bookmarks and errors.</param>
/// <param name="ResourceVersion">Version from which a later watch resumes; empty for errors.</param>
/// <param name="Object">The changed object, or only its name if it is unreadable and the kind supports that; otherwise null.</param>
/// <param name="Problem">Why the object cannot be read; null if it was read.</param>
/// <param name="Status">The status of an error.</param>
internal sealed record WatchEvent<T>(
    WatchEventType Type, ObjectName Name, string ResourceVersion, T? Object, string? Problem, StatusDocument? Status)
    where T : KubeObject
{
    /// <exception cref="KubeFormatException">The line is not a valid event.</exception>
    public static WatchEvent<T> Read(ReadOnlySpan<byte> line, ResourceKind<T> kind)
    {
        var subject = $"watch of {kind.Kind}";
        try
        {
            var json = Split(line, subject, out var type);
            switch (type)
            {
                case "ADDED" or "MODIFIED":
                    return ReadChanged(json, kind, subject);
                case "DELETED":
                    var deleted = Metadata(json, subject);
                    return new(WatchEventType.Deleted, NameOf(deleted, subject), Version(deleted, subject), null, null, null);
                case "BOOKMARK":
                    return new(WatchEventType.Bookmark, default, Version(Metadata(json, subject), subject), null, null, null);
                case "ERROR":
                    var status = JsonSerializer.Deserialize(json, KubeJson.Default.StatusDocument);
                    return new(WatchEventType.Error, default, "", null, null, status);
                default:
                    throw new KubeFormatException(subject, "type", $"{FieldReader.Quote(type)} is not an event type");
            }
        }
        catch (Exception e) when (JsonErrors.IsInvalid(e))
        {
            throw JsonErrors.Wrap(subject, e);
        }
    }

    private static WatchEvent<T> ReadChanged(ReadOnlySpan<byte> json, ResourceKind<T> kind, string subject)
    {
        try
        {
            var read = kind.Read(json);
            if (read.ResourceVersion.Length == 0)
            {
                throw new KubeFormatException($"{kind.Kind} {read.Name}", "metadata.resourceVersion", "missing");
            }

            return new(WatchEventType.Changed, read.Name, read.ResourceVersion, read, null, null);
        }
        catch (Exception e) when (e is KubeFormatException || JsonErrors.IsInvalid(e))
        {
            // An object without a name invalidates the watch; one with a name affects only itself.
            if (ObjectReaders.TryName(json) is not { } name)
            {
                throw new KubeFormatException(subject, "object", JsonErrors.Describe(kind.Kind, e));
            }

            var problem = JsonErrors.Describe($"{kind.Kind} {name}", e);
            var nameOnly = kind.ReadNameOnly?.Invoke(json, problem);
            return new(WatchEventType.Changed, name, Version(Metadata(json, subject), subject), nameOnly, problem, null);
        }
    }

    private static ReadOnlySpan<byte> Split(ReadOnlySpan<byte> line, string subject, out string type)
    {
        string? found = null;
        ReadOnlySpan<byte> json = default;
        var reader = new Utf8JsonReader(line);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new KubeFormatException(subject, "", "not a JSON object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("type"u8);
            var isObject = reader.ValueTextEquals("object"u8);
            reader.Read();
            if (isType)
            {
                found = reader.TokenType == JsonTokenType.String
                    ? reader.GetString()
                    : throw new KubeFormatException(subject, "type", "not a string");
            }

            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (isObject)
            {
                json = line[start..(int)reader.BytesConsumed];
            }
        }
        while (reader.Read())
        {
        }
        type = found ?? throw new KubeFormatException(subject, "type", "missing");
        return json.IsEmpty ? throw new KubeFormatException(subject, "object", "missing") : json;
    }

    private static MetadataDocument Metadata(ReadOnlySpan<byte> json, string subject) =>
        JsonSerializer.Deserialize(json, KubeJson.Default.ObjectDocument)?.Metadata
        ?? throw new KubeFormatException(subject, "object.metadata", "missing");

    private static ObjectName NameOf(MetadataDocument metadata, string subject) => string.IsNullOrEmpty(metadata.Name)
        ? throw new KubeFormatException(subject, "object.metadata.name", "missing")
        : new ObjectName(metadata.Namespace ?? "", metadata.Name);

    private static string Version(MetadataDocument metadata, string subject) => string.IsNullOrEmpty(metadata.ResourceVersion)
        ? throw new KubeFormatException(subject, "object.metadata.resourceVersion", "missing")
        : metadata.ResourceVersion;
}
