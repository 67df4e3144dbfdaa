namespace ACCOffload.InfraManager.Migration;

/// <summary>
/// A mapping of 24.01's configuration file. Its keys ignore case, as in that release; those that nobody asked for are listed.
/// </summary>
internal sealed class YamlSection
{
    private readonly string _file;
    private readonly string _prefix;
    private readonly Dictionary<string, object?> _values = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> _asked = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="file">The file, for errors.</param>
    /// <param name="prefix">The section's name and a dot; empty for the whole file.</param>
    /// <param name="values">The mapping; null is an empty one.</param>
    /// <exception cref="MigrationException">It is not a mapping, or has a key twice.</exception>
    public YamlSection(string file, string prefix, object? values)
    {
        _file = file;
        _prefix = prefix;
        if (values is null)
        {
            return;
        }

        if (values is not Dictionary<string, object?> map)
        {
            throw new MigrationException($"{file}: {(prefix.Length > 0 ? prefix.TrimEnd('.') : "the document")} is not a mapping");
        }

        foreach (var (key, value) in map)
        {
            if (!_values.TryAdd(key, value))
            {
                throw new MigrationException($"{file}: {prefix}{ConfigurationError.OneLine(key)} is there twice; remove one of them");
            }
        }
    }

    /// <summary>The keys that were never asked for, with the section's name.</summary>
    public IEnumerable<string> Unknown =>
        _values.Keys.Where(k => !_asked.Contains(k)).Select(k => _prefix + ConfigurationError.OneLine(k));

    /// <summary>The value of a key; null if it is missing or empty.</summary>
    /// <exception cref="MigrationException">It is not a scalar.</exception>
    public string? Text(string key)
    {
        _asked.Add(key);
        return _values.GetValueOrDefault(key) switch
        {
            null or "" => null,
            string text => text,
            _ => throw new MigrationException($"{_file}: {_prefix}{key} is not a single value"),
        };
    }

    /// <summary>Whether the key is there, whatever its value is.</summary>
    public bool Has(string key)
    {
        _asked.Add(key);
        return _values.ContainsKey(key);
    }

    /// <summary>A section within this one; empty if it is missing.</summary>
    /// <exception cref="MigrationException">It is not a mapping.</exception>
    public YamlSection Section(string key)
    {
        _asked.Add(key);
        return new YamlSection(_file, $"{_prefix}{key}.", _values.GetValueOrDefault(key));
    }
}
