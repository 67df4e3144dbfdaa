namespace ACCOffload.Logging;

/// <summary>The features of a daemon: each can have its own log level.</summary>
/// <param name="Names">Their names; each is a logger category.</param>
/// <param name="Fallback">The feature of all other categories.</param>
public sealed record LogFeatures(IReadOnlyList<string> Names, string Fallback)
{
    /// <summary>The feature of a category: the category itself, or the fallback.</summary>
    public string FeatureOf(string category) => Names.Contains(category, StringComparer.Ordinal) ? category : Fallback;
}
