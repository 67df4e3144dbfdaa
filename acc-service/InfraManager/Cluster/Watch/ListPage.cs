using System.Text.Json;
using ACCOffload.InfraManager.Cluster.Objects;

namespace ACCOffload.InfraManager.Cluster.Watch;

/// <summary>One page of a list.</summary>
/// <param name="ResourceVersion">Version of the list, from which a watch starts.</param>
/// <param name="Continue">Token for the next page; empty on the last page.</param>
/// <param name="Objects">The objects read; for unreadable ones only the name, if the kind can read it.</param>
/// <param name="Unreadable">Names of the unreadable objects, and why they cannot be read.</param>
internal sealed record ListPage<T>(
    string ResourceVersion, string Continue, IReadOnlyList<T> Objects, IReadOnlyList<(ObjectName Name, string Problem)> Unreadable)
{
    /// <summary>Reads a page object by object, so that an unreadable object does not affect the others.</summary>
    /// <exception cref="KubeFormatException">The JSON is not a list, or an object has no name or is too large.</exception>
    public static ListPage<T> Read<TObject>(ReadOnlySpan<byte> json, ResourceKind<TObject> kind, int maxObjectBytes)
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
                throw new KubeFormatException(subject, "", "not a JSON object");
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("metadata"u8))
                {
                    metadata = JsonSerializer.Deserialize(NextValue(json, ref reader), KubeJson.Default.ListMetadataDocument);
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
                        throw new KubeFormatException(subject, "items", "not a list");
                    }

                    while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    {
                        ReadItem(CurrentValue(json, ref reader), kind, maxObjectBytes, objects, unreadable);
                    }
                }
                else
                {
                    reader.Read();
                    reader.Skip();
                }
            }
            // Reading to the end detects a truncated body and trailing data.
            while (reader.Read())
            {
            }
        }
        catch (Exception e) when (JsonErrors.IsInvalid(e))
        {
            throw JsonErrors.Wrap(subject, e);
        }
        if (string.IsNullOrEmpty(metadata?.ResourceVersion))
        {
            throw new KubeFormatException(subject, "metadata.resourceVersion", "missing");
        }

        return new ListPage<T>(metadata.ResourceVersion, metadata.Continue ?? "", objects, unreadable);
    }

    private static void ReadItem<TObject>(
        ReadOnlySpan<byte> json, ResourceKind<TObject> kind, int maxObjectBytes, List<T> objects, List<(ObjectName, string)> unreadable)
        where TObject : KubeObject, T
    {
        var position = objects.Count + (kind.ReadNameOnly is null ? unreadable.Count : 0);
        if (json.Length > maxObjectBytes)
        {
            throw new KubeFormatException($"{kind.Kind}List", $"items[{position}]", $"{json.Length} bytes, at most {maxObjectBytes}");
        }

        try
        {
            objects.Add(kind.Read(json));
        }
        catch (Exception e) when (e is KubeFormatException || JsonErrors.IsInvalid(e))
        {
            if (ObjectReaders.TryName(json) is not { } name)
            {
                throw new KubeFormatException($"{kind.Kind}List", $"items[{position}]", JsonErrors.Describe(kind.Kind, e));
            }

            var problem = JsonErrors.Describe($"{kind.Kind} {name}", e);
            unreadable.Add((name, problem));
            if (kind.ReadNameOnly is { } read)
            {
                objects.Add(read(json, problem));
            }
        }
    }

    private static ReadOnlySpan<byte> NextValue(ReadOnlySpan<byte> json, ref Utf8JsonReader reader)
    {
        reader.Read();
        return CurrentValue(json, ref reader);
    }

    private static ReadOnlySpan<byte> CurrentValue(ReadOnlySpan<byte> json, ref Utf8JsonReader reader)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return json[start..(int)reader.BytesConsumed];
    }
}
