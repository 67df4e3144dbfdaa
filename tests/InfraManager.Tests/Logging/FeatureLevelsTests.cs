using ACCOffload.Daemon;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.InfraManager.Tests.Logging;

public sealed class FeatureLevelsTests
{
    [Theory]
    [InlineData("Api", "Api")]
    [InlineData("ACCOffload.SoftTarget.Server.GnmiService", "Host")]
    [InlineData("ACCOffload.P4Runtime.P4RuntimeSession", "Host")]
    [InlineData("ACCOffload.InfraManager.Store.SqliteStore", "Host")]
    [InlineData("Microsoft.AspNetCore.Server.Kestrel", "Host")]
    public void A_category_belongs_to_a_feature(string category, string feature) => Assert.Equal(feature, Features.Log.FeatureOf(category));

    [Fact]
    public void A_features_own_level_takes_precedence_and_changes_immediately()
    {
        var levels = new FeatureLevels(Settings(LogLevel.Information, ("Api", LogLevel.Debug), ("Store", LogLevel.None)), Features.Log);
        Assert.True(levels.IsEnabled("Api", LogLevel.Debug));
        Assert.False(levels.IsEnabled("Target", LogLevel.Debug));
        Assert.True(levels.IsEnabled("Target", LogLevel.Information));
        Assert.False(levels.IsEnabled("Store", LogLevel.Critical));
        levels.Settings = Settings(LogLevel.Warning);
        Assert.False(levels.IsEnabled("Api", LogLevel.Information));
        Assert.True(levels.IsEnabled("Store", LogLevel.Warning));
    }

    [Fact]
    public void Framework_logs_are_off_by_default()
    {
        Assert.False(new FeatureLevels(Settings(LogLevel.Debug), Features.Log).IsEnabled("Microsoft.AspNetCore.Server.Kestrel",
            LogLevel.Information));
        Assert.True(new FeatureLevels(Settings(LogLevel.Debug), Features.Log).IsEnabled("Grpc.AspNetCore.Server", LogLevel.Warning));
        Assert.True(new FeatureLevels(Settings(LogLevel.Information, ("Host", LogLevel.Debug)),
            Features.Log).IsEnabled("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Debug));
    }

    [Fact]
    public async Task A_changed_file_changes_the_levels_unless_it_is_invalid()
    {
        using var folder = new Folder();
        var file = folder.Write("c.json", InfraManagerJson.Create().ToJsonString());
        var settings = SettingsLoader.Load(file, new Dictionary<string, string>());
        var levels = new FeatureLevels(settings.Logging, Features.Log);
        using var log = new LogCollector();
        using var reloader = new LogLevelReloader(file, levels, SettingsLoader.CreateReloader(file, null, settings), TimeProvider.System,
            log.CreateLogger(Features.Config));

        folder.Write("c.json", InfraManagerJson.Create().Set("Logging:Features:Api", "Trace").ToJsonString());
        await Eventually.TrueAsync(() => levels.IsEnabled("Api", LogLevel.Trace), "the level follows the file");
        Assert.Empty(log.Matching("next start"));

        folder.Write("c.json", InfraManagerJson.Create().Set("Logging:Level", "Loud").ToJsonString());
        await Eventually.TrueAsync(() => log.Matching("Configuration not reloaded").Any(), "the bad file is reported");
        Assert.Contains("Logging:Level = \"Loud\"", log.Matching("Configuration not reloaded").First(), StringComparison.Ordinal);
        Assert.True(levels.IsEnabled("Api", LogLevel.Trace));

        folder.Write("c.json", InfraManagerJson.Create().Set("Node:Name", "node-2").Set("Logging:Level", "Error").ToJsonString());
        await Eventually.TrueAsync(() => log.Matching("next start").Any(), "the other change is reported");
        Assert.False(levels.IsEnabled("Api", LogLevel.Warning));
    }

    private static LoggingSettings Settings(LogLevel level, params (string Feature, LogLevel Level)[] features) =>
        new(LogFormat.Text, level, features.ToDictionary(f => f.Feature, f => f.Level, StringComparer.OrdinalIgnoreCase));
}
