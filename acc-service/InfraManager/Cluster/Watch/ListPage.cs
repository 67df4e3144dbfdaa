using System.Text.Json;
using ACCOffload.InfraManager.Cluster.Objects;

namespace ACCOffload.InfraManager.Cluster.Watch;

/// <summary>One chunk of a list.</summary>
/// <param name="ResourceVersion">Of the list: where a watch goes on.</param>
/// <param name="Continue">Asks for the next chunk; empty after the last one.</param>
/// <param name="Objects">What could be read, and what stands for those that could not where the kind has such.</param>
/// <param name="Unreadable">What could not: the object's name, and why.</param>
internal sealed record ListPage<T>(string ResourceVersion, string Continue, IReadOnlyList<T> Objects, IReadOnlyList<(ObjectName Name, string Problem)> Unreadable)
{
    /// <summary>Reads a chunk object by object, so that one that makes no sense does not take the others with it.</summary>
    /// <exception cref="KubeFormatException">This is no list; or an object has no name, or is too large.</exception>
    public static ListPage<T> Read<TObject>(ReadOnlySpan<byte> json, ResourceKind<TObject> kind, int largestObject)
        where TObject : KubeObject, T
    {
        var subject = kind.Kind + "List";
        ListMetadataDocument? metadata = null;
        var objects = new List<T>();
        var unreadable = new List<(ObjectName, string)>();
        try
        {
            var reader = new Utf8JsonReader(json);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                throw new KubeFormatException(subject, "", "is no JSON object");
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("metadata"u8))
                {
                    metadata = JsonSerializer.Deserialize(Value(json, ref reader), KubeJson.Default.ListMetadataDocument);
                }
                else if (reader.ValueTextEquals("items"u8))
                {
                    reader.Read();
                    // An empty list may be null.
                    if (reader.TokenType == JsonTokenType.Null)
                    {
                        continue;
                    }

                    if (reader.TokenType != JsonTokenType.StartArray)
                    {
                        throw new KubeFormatException(subject, "items", "is no list");
                    }

                    while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    {
                        ReadItem(Here(json, ref reader), kind, largestObject, objects, unreadable);
                    }
                }
                else
                {
                    reader.Read();
                    reader.Skip();
                }
            }
            // What follows the object is read, too: a truncated or doubled answer is none.
            while (reader.Read())
            {
            }
        }
        catch (Exception e) when (JsonFields.IsNonsense(e))
        {
            throw JsonFields.Wrap(subject, e);
        }
        if (string.IsNullOrEmpty(metadata?.ResourceVersion))
        {
            throw new KubeFormatException(subject, "metadata.resourceVersion", "is missing");
        }

        return new ListPage<T>(metadata.ResourceVersion, metadata.Continue ?? "", objects, unreadable);
    }

    private static void ReadItem<TObject>(
        ReadOnlySpan<byte> json, ResourceKind<TObject> kind, int largestObject, List<T> objects, List<(ObjectName, string)> unreadable)
        where TObject : KubeObject, T
    {
        var position = objects.Count + (kind.ReadUnreadable is null ? unreadable.Count : 0);
        if (json.Length > largestObject)
        {
            throw new KubeFormatException($"{kind.Kind}List", $"items[{position}]", $"has {json.Length} bytes, more than {largestObject}");
        }

        try
        {
            objects.Add(kind.Read(json));
        }
        catch (Exception e) when (e is KubeFormatException || JsonFields.IsNonsense(e))
        {
            if (ObjectReaders.TryName(json) is not { } name)
            {
                throw new KubeFormatException($"{kind.Kind}List", $"items[{position}]", JsonFields.Describe(kind.Kind, e));
            }

            var problem = JsonFields.Describe($"{kind.Kind} {name}", e);
            unreadable.Add((name, problem));
            if (kind.ReadUnreadable is { } read)
            {
                objects.Add(read(json, problem));
            }
        }
    }

    private static ReadOnlySpan<byte> Value(ReadOnlySpan<byte> json, ref Utf8JsonReader reader)
    {
        reader.Read();
        return Here(json, ref reader);
    }

    private static ReadOnlySpan<byte> Here(ReadOnlySpan<byte> json, ref Utf8JsonReader reader)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return json[start..(int)reader.BytesConsumed];
    }
}
