using System.Collections;
using System.Text.Json;

namespace ACCOffload.HostStub.Configuration;

/// <summary>One value and where it came from, for the error message.</summary>
internal readonly record struct ConfigurationValue(string Text, string Origin);

/// <summary>The file and the environment as flat keys: "Section:Key", list items "Section:Key:0". Keys ignore case.</summary>
internal sealed class ConfigurationSource
{
    public const string DefaultPath = "/etc/accoffload/host-stub.json";
    private const string Prefix = "ACCOFFLOAD_";
    private const long MaxFile = 1024 * 1024;

    private ConfigurationSource(string path) => Path = path;

    public string Path { get; }

    public Dictionary<string, ConfigurationValue> Values { get; } = new(StringComparer.OrdinalIgnoreCase);

    public static ConfigurationSource Load(string path, IDictionary environment)
    {
        var source = new ConfigurationSource(path);
        source.LoadFile();
        source.LoadEnvironment(environment);
        return source;
    }

    private void LoadFile()
    {
        try
        {
            if (new FileInfo(Path).Length > MaxFile)
                throw new ConfigurationException($"{Path}: larger than {MaxFile} bytes");
            var options = new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
            using var document = JsonDocument.Parse(File.ReadAllBytes(Path), options);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new ConfigurationException($"{Path}: a JSON object is needed");
            Flatten(document.RootElement, "");
        }
        catch (JsonException e)
        {
            throw new ConfigurationException($"{Path}: not valid JSON: {e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"{Path}: {e.Message}");
        }
    }

    private void Flatten(JsonElement element, string key)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    if (property.Name.Contains(':'))
                        throw new ConfigurationException($"{Path}: {property.Name}: unknown key");
                    Flatten(property.Value, key.Length == 0 ? property.Name : $"{key}:{property.Name}");
                }
                break;
            case JsonValueKind.Array:
                // Known even when it is empty.
                Values[key] = new ConfigurationValue("[]", Path);
                int index = 0;
                foreach (var item in element.EnumerateArray())
                {
                    if (item.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
                        throw new ConfigurationException($"{Path}: {key}: a list of plain values is needed");
                    Flatten(item, $"{key}:{index++}");
                }
                break;
            default:
                if (Values.ContainsKey(key))
                    throw new ConfigurationException($"{Path}: {key}: given twice");
                Values[key] = new ConfigurationValue(element.ValueKind == JsonValueKind.String ? element.GetString() ?? "" : element.GetRawText(), Path);
                break;
        }
    }

    // Both services read ACCOFFLOAD_, so keys of sections that are not ours pass; see ConfigurationReader.
    private void LoadEnvironment(IDictionary environment)
    {
        foreach (DictionaryEntry entry in environment)
        {
            if (entry is not { Key: string name, Value: string value } || !name.StartsWith(Prefix, StringComparison.Ordinal))
                continue;
            string key = name[Prefix.Length..].Replace("__", ":", StringComparison.Ordinal);
            foreach (string old in Values.Keys.Where(k => k.StartsWith(key + ":", StringComparison.OrdinalIgnoreCase)).ToArray())
                Values.Remove(old);
            Values[key] = new ConfigurationValue(value, $"environment {name}");
        }
    }
}
