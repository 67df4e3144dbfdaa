using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>The labels of an object, sorted by key.</summary>
internal readonly record struct LabelSet(SequenceOf<(string Key, string Value)> Labels)
{
    public static LabelSet Of(IEnumerable<KeyValuePair<string, string>> labels) =>
        new([.. labels.Select(l => (l.Key, l.Value)).OrderBy(l => l.Key, StringComparer.Ordinal)]);

    /// <summary>The value of a label; null without it.</summary>
    public string? Find(string key)
    {
        foreach (var label in Labels)
        {
            if (string.Equals(label.Key, key, StringComparison.Ordinal))
            {
                return label.Value;
            }
        }

        return null;
    }
}
