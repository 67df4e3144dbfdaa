using System.Globalization;

namespace ACCOffload.Configuration;

/// <summary>
/// Reads typed values from a <see cref="ConfigurationTree"/>. A key is known once it has been read; <see cref="RefuseUnknown"/> reports
/// all others. Errors are collected, so that one start reports all of them.
/// </summary>
public sealed class ConfigurationReader(ConfigurationTree tree)
{
    /// <summary>The reason in the error about an unknown key.</summary>
    public const string UnknownKey = "unknown key";

    private readonly HashSet<string> _known = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<string> _maps = [];
    private readonly HashSet<string> _invalid = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<ConfigurationError> _errors = [];

    /// <summary>The errors so far.</summary>
    public IReadOnlyList<ConfigurationError> Errors => _errors;

    /// <summary>The keys read so far, with their defaults as text.</summary>
    public Dictionary<string, string> Defaults { get; } = new(StringComparer.Ordinal);

    /// <summary>
    /// Reads a value with <paramref name="parser"/>; <paramref name="fallback"/> is the default, as text. It also replaces an invalid
    /// value, so that the caller can go on and report the errors of other keys too.
    /// </summary>
    public T Value<T>(
        string key, string fallback, ValueParser<T> parser, string remedy, ConfigurationValueKind kind = ConfigurationValueKind.Text)
    {
        Know(key, fallback);
        if (tree.Find(key) is not { } value)
        {
            if (parser(fallback, out var standard) is { } wrong)
            {
                _errors.Add(new ConfigurationError(
                    tree.Home, key, null, fallback.Length == 0 ? "is missing" : $"its default {fallback} {wrong}", remedy));
            }

            return standard;
        }

        var problem = IsScalar(value, kind, out var reason) ? parser(value.Text, out var parsed) : Refuse(reason, out parsed);
        if (problem is null)
        {
            return parsed!;
        }

        Fail(value, problem, remedy);
        _ = parser(fallback, out var instead);
        return instead;
    }

    /// <summary>An integer in a range.</summary>
    public long Number(string key, long fallback, long min, long max) =>
        Value(
            key,
            fallback.ToString(CultureInfo.InvariantCulture),
            (string text, out long number) =>
            {
                if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number))
                {
                    return "is not an integer";
                }

                return number < min ? "is too small" : number > max ? "is too large" : null;
            },
            $"give an integer from {min} to {max}",
            ConfigurationValueKind.Number);

    /// <summary>true or false.</summary>
    public bool Flag(string key, bool fallback) =>
        Value(
            key,
            fallback ? "true" : "false",
            (string text, out bool flag) => bool.TryParse(text, out flag) ? null : "is neither true nor false",
            "give true or false",
            ConfigurationValueKind.Flag);

    /// <summary>A list; comma-separated in the environment.</summary>
    /// <param name="key">The key.</param>
    /// <param name="parser">Parses an element.</param>
    /// <param name="remedy">What to do about an invalid element.</param>
    /// <param name="missing">The error if the list is empty; null if an empty list is valid.</param>
    /// <param name="fallback">The only element of the default; null if the default is empty.</param>
    public IReadOnlyList<T> List<T>(string key, ValueParser<T> parser, string remedy, string? missing = null, string? fallback = null)
    {
        Know(key, fallback is null ? "[]" : $"[\"{fallback}\"]");
        var value = tree.Find(key);
        if (value is null)
        {
            if (missing is not null)
            {
                _errors.Add(new ConfigurationError(tree.Home, key, null, missing, remedy));
            }

            return fallback is not null && parser(fallback, out var only) is null ? [only] : [];
        }
        IEnumerable<ConfigurationValue> items;
        if (value.Kind == ConfigurationValueKind.Environment)
        {
            items = value.Text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Select((text, i) => new ConfigurationValue(value.Source, $"{key}[{i}]", ConfigurationValueKind.Text, text));
        }
        else if (value.Items is not null)
        {
            items = value.Items;
        }
        else
        {
            Fail(value, "is not a list", $"write [ ] around it; {remedy}");
            return [];
        }
        var list = new List<T>();
        foreach (var item in items)
        {
            var problem = item.Kind == ConfigurationValueKind.Text
                ? parser(item.Text, out var parsed)
                : Refuse("is not a string", out parsed);
            if (problem is null)
            {
                list.Add(parsed!);
            }
            else
            {
                Fail(item, problem, remedy);
            }
        }
        if (list.Count == 0 && missing is not null && !items.Any())
        {
            Fail(value, missing, remedy);
        }

        return list;
    }

    /// <summary>A section with arbitrary keys, such as one log level per feature.</summary>
    public IReadOnlyDictionary<string, T> Map<T>(string key, Func<string, string?> keyCheck, ValueParser<T> parser, string remedy)
    {
        Know(key, "{}");
        _maps.Add(key + ":");
        var map = new Dictionary<string, T>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in tree.Values)
        {
            if (name.Equals(key, StringComparison.OrdinalIgnoreCase) && value.Kind != ConfigurationValueKind.EmptySection)
            {
                Fail(value, "is not a section", $"write {{ }} around it; {remedy}");
            }

            if (!name.StartsWith(key + ":", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            var entry = name[(key.Length + 1)..];
            var problem = keyCheck(entry);
            if (problem is null && !IsScalar(value, ConfigurationValueKind.Text, out var reason))
            {
                problem = reason;
            }

            T parsed = default!;
            problem ??= parser(value.Text, out parsed);
            if (problem is null)
            {
                map[entry] = parsed;
            }
            else
            {
                Fail(value, problem, remedy);
            }
        }
        return map;
    }

    /// <summary>Adds an error that concerns more than one key. Does nothing if the key is invalid by itself.</summary>
    public void Fail(string key, string? text, string reason, string remedy)
    {
        if (_invalid.Contains(key))
        {
            return;
        }

        var value = tree.Find(key);
        _errors.Add(new ConfigurationError(value?.Source ?? tree.Home, key, value?.Text ?? text, reason, remedy));
    }

    /// <summary>Adds an error for each key that was never read.</summary>
    public void RefuseUnknown()
    {
        foreach (var (name, value) in tree.Values)
        {
            if (_known.Contains(name) || _maps.Any(m => name.StartsWith(m, StringComparison.OrdinalIgnoreCase)))
            {
                continue;
            }
            // A known section may be written as {}.
            if (value.Kind == ConfigurationValueKind.EmptySection
                && _known.Any(k => k.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)))
            {
                continue;
            }

            var near = _known.MinBy(k => Distance(k, name));
            var hint = near is not null && Distance(near, name) <= 3
                ? $"did you mean {near}?"
                : "remove it, or see the reference of all keys in docs/configuration.md";
            _errors.Add(new ConfigurationError(value.Source, value.Key, value.Text, UnknownKey, hint));
        }
    }

    private static bool IsScalar(ConfigurationValue value, ConfigurationValueKind kind, out string reason)
    {
        var right = value.Kind == ConfigurationValueKind.Environment || value.Kind == kind;
        reason = right ? "" : kind switch
        {
            ConfigurationValueKind.Number => "is not a number",
            ConfigurationValueKind.Flag => "is neither true nor false",
            _ => "is not a string",
        };
        return right;
    }

    private static string? Refuse<T>(string reason, out T value)
    {
        value = default!;
        return reason;
    }

    private void Know(string key, string fallback)
    {
        _known.Add(key);
        Defaults[key] = fallback;
    }

    private void Fail(ConfigurationValue value, string reason, string remedy)
    {
        _invalid.Add(value.Key);
        _errors.Add(new ConfigurationError(value.Source, value.Key, value.Text, reason, remedy));
    }

    /// <summary>Levenshtein distance, ignoring case.</summary>
    private static int Distance(string a, string b)
    {
        var row = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++)
        {
            row[j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1;
                (row[j], diagonal) = (Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + cost), row[j]);
            }
        }
        return row[b.Length];
    }
}
