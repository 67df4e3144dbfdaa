using System.Text.Json;
using ACCOffload.InfraManager.Cluster.Objects;

namespace ACCOffload.InfraManager.Cluster.Watch;

internal enum WatchEventType
{
    /// <summary>Added or modified: the object is as told from now on.</summary>
    Changed,
    Deleted,

    /// <summary>Only says how far the watch is.</summary>
    Bookmark,

    /// <summary>The server can't go on; see the status.</summary>
    Error,
}

/// <summary>One line of a watch.</summary>
/// <param name="Type">What happened.</param>
/// <param name="Name">Of the object; default for bookmarks and errors.</param>
/// <param name="ResourceVersion">Where a later watch goes on; empty for errors.</param>
/// <param name="Object">What is from now on; null for other types, and when it can't be read and nothing stands for it.</param>
/// <param name="Problem">Why the object can't be read; null when it could.</param>
/// <param name="Status">Of an error.</param>
internal sealed record WatchEvent<T>(WatchEventType Type, ObjectName Name, string ResourceVersion, T? Object, string? Problem, StatusDocument? Status)
    where T : KubeObject
{
    /// <exception cref="KubeFormatException">This is no event.</exception>
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
                    var gone = Metadata(json, subject);
                    return new(WatchEventType.Deleted, NameOf(gone, subject), Version(gone, subject), null, null, null);
                case "BOOKMARK":
                    return new(WatchEventType.Bookmark, default, Version(Metadata(json, subject), subject), null, null, null);
                case "ERROR":
                    return new(WatchEventType.Error, default, "", null, null, JsonSerializer.Deserialize(json, KubeJson.Default.StatusDocument));
                default:
                    throw new KubeFormatException(subject, "type", $"{KubeValues.Shown(type)} is no type of event");
            }
        }
        catch (Exception e) when (JsonFields.IsNonsense(e))
        {
            throw JsonFields.Wrap(subject, e);
        }
    }

    private static WatchEvent<T> ReadChanged(ReadOnlySpan<byte> json, ResourceKind<T> kind, string subject)
    {
        try
        {
            var read = kind.Read(json);
            if (read.ResourceVersion.Length == 0)
            {
                throw new KubeFormatException($"{kind.Kind} {read.Name}", "metadata.resourceVersion", "is missing");
            }

            return new(WatchEventType.Changed, read.Name, read.ResourceVersion, read, null, null);
        }
        catch (Exception e) when (e is KubeFormatException || JsonFields.IsNonsense(e))
        {
            // Without a name there is nothing to go on with; with one, only this object is concerned.
            if (ObjectReaders.TryName(json) is not { } name)
            {
                throw new KubeFormatException(subject, "object", JsonFields.Describe(kind.Kind, e));
            }

            var problem = JsonFields.Describe($"{kind.Kind} {name}", e);
            return new(WatchEventType.Changed, name, Version(Metadata(json, subject), subject), kind.ReadUnreadable?.Invoke(json, problem), problem, null);
        }
    }

    private static ReadOnlySpan<byte> Split(ReadOnlySpan<byte> line, string subject, out string type)
    {
        string? found = null;
        ReadOnlySpan<byte> json = default;
        var reader = new Utf8JsonReader(line);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new KubeFormatException(subject, "", "is no JSON object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("type"u8);
            var isObject = reader.ValueTextEquals("object"u8);
            reader.Read();
            if (isType)
            {
                found = reader.TokenType == JsonTokenType.String ? reader.GetString() : throw new KubeFormatException(subject, "type", "is no text");
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
        type = found ?? throw new KubeFormatException(subject, "type", "is missing");
        return json.IsEmpty ? throw new KubeFormatException(subject, "object", "is missing") : json;
    }

    private static MetadataDocument Metadata(ReadOnlySpan<byte> json, string subject) =>
        JsonSerializer.Deserialize(json, KubeJson.Default.ObjectDocument)?.Metadata ?? throw new KubeFormatException(subject, "object.metadata", "is missing");

    private static ObjectName NameOf(MetadataDocument metadata, string subject) => string.IsNullOrEmpty(metadata.Name)
        ? throw new KubeFormatException(subject, "object.metadata.name", "is missing")
        : new ObjectName(metadata.Namespace ?? "", metadata.Name);

    private static string Version(MetadataDocument metadata, string subject) => string.IsNullOrEmpty(metadata.ResourceVersion)
        ? throw new KubeFormatException(subject, "object.metadata.resourceVersion", "is missing")
        : metadata.ResourceVersion;
}
