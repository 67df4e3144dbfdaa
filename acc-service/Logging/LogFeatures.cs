namespace ACCOffload.Logging;

/// <summary>The features of a daemon: each can have its own log level.</summary>
/// <param name="Names">Their names; each is a logger category.</param>
/// <param name="Fallback">The feature of all other categories.</param>
/// <param name="Components">Features of categories that are type names, by prefix.</param>
public sealed record LogFeatures(IReadOnlyList<string> Names, string Fallback, IReadOnlyList<KeyValuePair<string, string>> Components)
{
    /// <summary>The feature of a category: the category itself, or the feature of its component.</summary>
    public string FeatureOf(string category)
    {
        if (Names.Contains(category, StringComparer.Ordinal))
        {
            return category;
        }

        foreach (var (prefix, feature) in Components)
        {
            if (category.StartsWith(prefix, StringComparison.Ordinal))
            {
                return feature;
            }
        }
        return Fallback;
    }
}
