namespace ACCOffload.Logging;

/// <summary>The features of a service's log: what a level can be given to.</summary>
/// <param name="Names">Their names; each is a logger category.</param>
/// <param name="Fallback">The feature of every other category.</param>
/// <param name="Components">Features of categories that are a type's name, by the name's beginning.</param>
public sealed record LogFeatures(IReadOnlyList<string> Names, string Fallback, IReadOnlyList<KeyValuePair<string, string>> Components)
{
    /// <summary>The feature of a category: itself, or that of the component whose type's name it is.</summary>
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
