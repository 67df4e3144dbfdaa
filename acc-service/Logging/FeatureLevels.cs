using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace ACCOffload.Logging;

/// <summary>The log level of each feature. It may change while loggers are in use.</summary>
/// <param name="settings">The initial levels.</param>
/// <param name="features">The service's features.</param>
public sealed class FeatureLevels(LoggingSettings settings, LogFeatures features)
{
    // The feature of a category never changes.
    private readonly ConcurrentDictionary<string, string> _featureOf = new(StringComparer.Ordinal);
    private volatile LoggingSettings _settings = settings;

    /// <summary>The settings in force.</summary>
    public LoggingSettings Settings
    {
        get => _settings;
        set => _settings = value;
    }

    /// <summary>Whether a line of this category and level is written.</summary>
    public bool IsEnabled(string category, LogLevel level)
    {
        var feature = _featureOf.GetOrAdd(category, features.FeatureOf);
        var settings = _settings;
        if (settings.Features.TryGetValue(feature, out var own))
        {
            return level >= own && level != LogLevel.None;
        }
        // Operators see the framework's own lines below Warning only if they set a level for the feature that those lines belong to.
        var minimum = IsFramework(category) && settings.Level < LogLevel.Warning ? LogLevel.Warning : settings.Level;
        return level >= minimum && level != LogLevel.None;
    }

    private static bool IsFramework(string category) =>
        category.StartsWith("Microsoft.", StringComparison.Ordinal) || category.StartsWith("Grpc.", StringComparison.Ordinal)
            || category.StartsWith("System.", StringComparison.Ordinal);
}
