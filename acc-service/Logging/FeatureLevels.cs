using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace ACCOffload.Logging;

/// <summary>The level of each feature, changeable while loggers are in use.</summary>
/// <param name="settings">The levels to begin with.</param>
/// <param name="features">The service's features.</param>
public sealed class FeatureLevels(LoggingSettings settings, LogFeatures features)
{
    // A category's feature never changes; its level may.
    private readonly ConcurrentDictionary<string, string> _featureOf = new(StringComparer.Ordinal);
    private volatile LoggingSettings _settings = settings;

    /// <summary>What is in force.</summary>
    public LoggingSettings Settings
    {
        get => _settings;
        set => _settings = value;
    }

    /// <summary>Whether a category's line of this level is written.</summary>
    public bool IsEnabled(string category, LogLevel level)
    {
        var feature = _featureOf.GetOrAdd(category, features.FeatureOf);
        var settings = _settings;
        if (settings.Features.TryGetValue(feature, out var own))
        {
            return level >= own && level != LogLevel.None;
        }
        // The framework's own lines are not for operators, unless they ask for them by the feature it falls to.
        var least = IsFramework(category) && settings.Level < LogLevel.Warning ? LogLevel.Warning : settings.Level;
        return level >= least && level != LogLevel.None;
    }

    private static bool IsFramework(string category) =>
        category.StartsWith("Microsoft.", StringComparison.Ordinal) || category.StartsWith("Grpc.", StringComparison.Ordinal) || category.StartsWith("System.", StringComparison.Ordinal);
}
