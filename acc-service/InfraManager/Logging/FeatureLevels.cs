using System.Collections.Concurrent;
using ACCOffload.InfraManager.Configuration;

namespace ACCOffload.InfraManager.Logging;

/// <summary>The level of each feature, changeable while loggers are in use.</summary>
internal sealed class FeatureLevels(LoggingSettings settings)
{
    // A category's feature never changes; its level may.
    private readonly ConcurrentDictionary<string, string> _featureOf = new(StringComparer.Ordinal);
    private volatile LoggingSettings _settings = settings;

    public LoggingSettings Settings
    {
        get => _settings;
        set => _settings = value;
    }

    public bool IsEnabled(string category, LogLevel level)
    {
        var feature = _featureOf.GetOrAdd(category, FeatureOf);
        var settings = _settings;
        if (settings.Features.TryGetValue(feature, out var own))
            return level >= own && level != LogLevel.None;
        // The framework's own lines are not for operators, unless they ask for them by the feature Host.
        var least = IsFramework(category) && settings.Level < LogLevel.Warning ? LogLevel.Warning : settings.Level;
        return level >= least && level != LogLevel.None;
    }

    /// <summary>The feature of a category: itself, or that of the component whose type's name it is.</summary>
    public static string FeatureOf(string category)
    {
        if (Features.All.Contains(category, StringComparer.Ordinal))
            return category;
        foreach (var (prefix, feature) in Components)
        {
            if (category.StartsWith(prefix, StringComparison.Ordinal))
                return feature;
        }
        return Features.Host;
    }

    private static readonly (string Prefix, string Feature)[] Components =
    [
        ("ACCOffload.SoftTarget", Features.SoftTarget),
        ("ACCOffload.P4Runtime", Features.Target),
        ("ACCOffload.InfraManager.Api", Features.Api),
        ("ACCOffload.InfraManager.Security", Features.Security),
        ("ACCOffload.InfraManager.Control", Features.Control),
        ("ACCOffload.InfraManager.Configuration", Features.Config),
        ("ACCOffload.InfraManager.Store", Features.Store),
        ("ACCOffload.InfraManager.Target", Features.Target),
        ("ACCOffload.InfraManager.Programming", Features.Programmer),
        ("ACCOffload.InfraManager.Compile", Features.Programmer),
        ("ACCOffload.InfraManager.Model", Features.Programmer),
    ];

    private static bool IsFramework(string category) =>
        category.StartsWith("Microsoft.", StringComparison.Ordinal) || category.StartsWith("Grpc.", StringComparison.Ordinal) || category.StartsWith("System.", StringComparison.Ordinal);
}
