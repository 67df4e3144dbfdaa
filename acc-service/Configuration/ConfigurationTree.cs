using System.Collections;
using System.Globalization;
using System.Text.Json;

namespace ACCOffload.Configuration;

/// <summary>
/// All values of the file and the environment by key, with colons between section and name. The environment takes precedence.
/// </summary>
public sealed class ConfigurationTree
{
    private const string Prefix = "ACCOFFLOAD_";
    private const int MaxFileBytes = 1 << 20;
    private const int MaxDepth = 8;

    private readonly Dictionary<string, ConfigurationValue> _values = new(StringComparer.OrdinalIgnoreCase);

    private ConfigurationTree(string? file)
    {
        File = file;
    }

    /// <summary>The file that was read; null if there was none.</summary>
    public string? File { get; }

    /// <summary>The source named in errors about missing values.</summary>
    public string Home => File ?? "configuration";

    /// <summary>All values by key.</summary>
    public IEnumerable<KeyValuePair<string, ConfigurationValue>> Values => _values;

    /// <summary>The value of a key; null if it is not set.</summary>
    public ConfigurationValue? Find(string key) => _values.GetValueOrDefault(key);

    /// <summary>Reads the file, if there is one, and the environment.</summary>
    /// <param name="file">The configuration file.</param>
    /// <param name="required">Whether a missing file is an error.</param>
    /// <param name="environment">The environment variables.</param>
    /// <param name="foreign">Sections of other services, whose variables may be in the same environment.</param>
    /// <exception cref="ConfigurationException">The file can't be read, or is not a JSON object.</exception>
    public static ConfigurationTree Load(string file, bool required, IDictionary environment, IReadOnlyCollection<string> foreign)
    {
        var text = ReadFile(file, required);
        var tree = new ConfigurationTree(text is null ? null : file);
        if (text is not null)
        {
            tree.AddFile(file, text);
        }

        tree.AddEnvironment(environment, foreign);
        return tree;
    }

    /// <summary>Reads a text without the environment.</summary>
    /// <param name="name">Stands for the file in errors.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="ConfigurationException">It is not a JSON object.</exception>
    public static ConfigurationTree Parse(string name, byte[] text)
    {
        var tree = new ConfigurationTree(name);
        tree.AddFile(name, text);
        return tree;
    }

    private static byte[]? ReadFile(string file, bool required)
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (stream.Length > MaxFileBytes)
            {
                throw new ConfigurationException(new ConfigurationError(
                    file, "", null, $"is larger than {MaxFileBytes} bytes", "pass the right file with --config"));
            }

            var text = new byte[stream.Length];
            stream.ReadExactly(text);
            return text;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            if (!required)
            {
                return null;
            }

            throw new ConfigurationException(new ConfigurationError(
                file, "", null, "no such file", "create it, or pass another with --config"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(new ConfigurationError(
                file, "", null, $"cannot be read: {e.Message}", "make it readable by the service's user"));
        }
    }

    private void AddFile(string file, byte[] text)
    {
        try
        {
            // A byte order mark is legal in a file, but not for the parser.
            ReadOnlyMemory<byte> json = text.AsSpan().StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]) ? text.AsMemory(3) : text;
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions
            {
                CommentHandling = JsonCommentHandling.Skip,
                AllowTrailingCommas = true,
                AllowDuplicateProperties = false,
                MaxDepth = MaxDepth,
            });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new ConfigurationException(new ConfigurationError(
                    file, "", null, "is not a JSON object", "put the sections between { and }"));
            }

            AddSection(file, "", document.RootElement);
        }
        catch (JsonException e)
        {
            var place = e.LineNumber is { } line ? $"{file}:{line + 1}:{(e.BytePositionInLine ?? 0) + 1}" : file;
            var reason = e.Message.Split(" LineNumber:")[0].Split(" Path:")[0].TrimEnd('.');
            throw new ConfigurationException(new ConfigurationError(place, "", null, $"is not valid JSON: {reason}", "correct the file"));
        }
    }

    private void AddSection(string file, string prefix, JsonElement section)
    {
        var empty = true;
        foreach (var property in section.EnumerateObject())
        {
            empty = false;
            var key = prefix.Length == 0 ? property.Name : $"{prefix}:{property.Name}";
            if (property.Value.ValueKind == JsonValueKind.Object)
            {
                AddSection(file, key, property.Value);
            }
            else
            {
                Add(file, key, ToValue(file, key, property.Value));
            }
        }
        if (empty && prefix.Length > 0)
        {
            Add(file, prefix, new ConfigurationValue(file, prefix, ConfigurationValueKind.EmptySection, "{}"));
        }
    }

    private void Add(string file, string key, ConfigurationValue value)
    {
        if (!_values.TryAdd(key, value))
        {
            throw new ConfigurationException(new ConfigurationError(
                file, key, value.Text, "is given twice (the keys differ only in case)", "remove one of them"));
        }
    }

    private static ConfigurationValue ToValue(string file, string key, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                return new ConfigurationValue(file, key, ConfigurationValueKind.Text, element.GetString()!);
            case JsonValueKind.Number:
                return new ConfigurationValue(file, key, ConfigurationValueKind.Number, element.GetRawText());
            case JsonValueKind.True or JsonValueKind.False:
                return new ConfigurationValue(
                    file, key, ConfigurationValueKind.Flag, element.ValueKind == JsonValueKind.True ? "true" : "false");
            case JsonValueKind.Array:
                var items = new List<ConfigurationValue>();
                foreach (var item in element.EnumerateArray())
                {
                    var itemKey = $"{key}[{items.Count}]";
                    if (item.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))
                    {
                        throw new ConfigurationException(new ConfigurationError(
                            file, itemKey, item.GetRawText(), "is neither a string nor a number", "list plain values"));
                    }

                    items.Add(ToValue(file, itemKey, item));
                }
                return new ConfigurationValue(file, key, ConfigurationValueKind.List, element.GetRawText(), items);
            default:
                throw new ConfigurationException(new ConfigurationError(
                    file, key, "null", "has no value", "remove the key to get its default"));
        }
    }

    private void AddEnvironment(IDictionary environment, IReadOnlyCollection<string> foreign)
    {
        var lists = new Dictionary<string, SortedDictionary<int, ConfigurationValue>>(StringComparer.OrdinalIgnoreCase);
        foreach (DictionaryEntry variable in environment)
        {
            var name = (string)variable.Key;
            if (!name.StartsWith(Prefix, StringComparison.Ordinal))
            {
                continue;
            }

            var key = name[Prefix.Length..].Replace("__", ":", StringComparison.Ordinal);
            if (foreign.Contains(key.Split(':')[0], StringComparer.OrdinalIgnoreCase))
            {
                continue;
            }

            var value = new ConfigurationValue(
                $"environment {name}", key, ConfigurationValueKind.Environment, (string?)variable.Value ?? "");
            // Section__Key__0, Section__Key__1, … are the elements of a list.
            var last = key.LastIndexOf(':');
            if (last > 0 && int.TryParse(key.AsSpan(last + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var index))
            {
                if (!lists.TryGetValue(key[..last], out var items))
                {
                    lists.Add(key[..last], items = []);
                }

                items[index] = value with { Kind = ConfigurationValueKind.Text };
            }
            else
            {
                _values[key] = value;
            }
        }
        foreach (var (key, items) in lists)
        {
            var text = string.Join(',', items.Values.Select(i => i.Text));
            _values[key] = new ConfigurationValue("environment", key, ConfigurationValueKind.List, text, [.. items.Values]);
        }
    }
}
