using System.Globalization;

namespace ACCOffload.HostStub.Configuration;

/// <summary>Takes typed, checked values out of a source; what nobody took at the end is an unknown key.</summary>
internal sealed class ConfigurationReader(ConfigurationSource source)
{
    private readonly HashSet<string> _taken = new(StringComparer.OrdinalIgnoreCase);

    public ConfigurationException Wrong(string key, string value, string reason)
    {
        string origin = source.Values.TryGetValue(key, out var given) ? given.Origin : source.Path;
        return new ConfigurationException($"{origin}: {key} = {value}: {reason}");
    }

    public string Text(string key, string fallback)
    {
        _taken.Add(key);
        return source.Values.TryGetValue(key, out var value) ? value.Text : fallback;
    }

    public string Path(string key, string fallback)
    {
        string text = Text(key, fallback);
        if (text.Length == 0 || text[0] != '/')
            throw Wrong(key, text, "an absolute path is needed");
        return text;
    }

    public int Int(string key, int fallback, int min, int max)
    {
        string text = Text(key, fallback.ToString(CultureInfo.InvariantCulture));
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) || number < min || number > max)
            throw Wrong(key, text, $"a number from {min} to {max} is needed");
        return number;
    }

    public bool Bool(string key, bool fallback)
    {
        string text = Text(key, fallback ? "true" : "false");
        return bool.TryParse(text, out bool value) ? value : throw Wrong(key, text, "true or false is needed");
    }

    public string OneOf(string key, string fallback, params ReadOnlySpan<string> allowed)
    {
        string text = Text(key, fallback);
        foreach (string value in allowed)
        {
            if (value.Equals(text, StringComparison.OrdinalIgnoreCase))
                return value;
        }
        throw Wrong(key, text, $"one of {string.Join(", ", allowed)} is needed");
    }

    /// <summary>A JSON array, or in the environment values separated by commas.</summary>
    public IReadOnlyList<string> List(string key)
    {
        _taken.Add(key);
        var list = new List<string>();
        if (source.Values.TryGetValue(key, out var whole) && whole.Text != "[]")
            list.AddRange(whole.Text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
        for (int i = 0; source.Values.TryGetValue($"{key}:{i}", out var item); i++)
        {
            _taken.Add($"{key}:{i}");
            list.Add(item.Text);
        }
        return list;
    }

    /// <summary>Names and values directly below a section.</summary>
    public IReadOnlyDictionary<string, string> Section(string key)
    {
        var section = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in source.Values)
        {
            if (name.StartsWith(key + ":", StringComparison.OrdinalIgnoreCase) && !name.AsSpan(key.Length + 1).Contains(':'))
            {
                _taken.Add(name);
                section[name[(key.Length + 1)..]] = value.Text;
            }
        }
        return section;
    }

    public void RefuseUnknown()
    {
        var sections = _taken.Select(k => k.Split(':')[0]).ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var (key, value) in source.Values)
        {
            if (_taken.Contains(key))
                continue;
            if (value.Origin == source.Path || sections.Contains(key.Split(':')[0]))
                throw new ConfigurationException($"{value.Origin}: {key} = {value.Text}: unknown key");
        }
    }
}
