using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Metrics;

/// <summary>Prometheus' promtool.</summary>
public static class Promtool
{
    public const string Path = "/usr/bin/promtool";

    /// <summary>Why it is not available here; null if it is.</summary>
    public static string? Missing => File.Exists(Path) ? null : $"needs {Path} (package prometheus)";

    /// <summary>The findings of `promtool check metrics`; empty if there are none.</summary>
    public static async Task<string> CheckAsync(string text)
    {
        var run = await Shell.RunAsync(null, Path, ["check", "metrics"], text);
        return $"{run.Output}{run.Error}{(run.ExitCode == 0 ? "" : $"exit code {run.ExitCode}")}";
    }
}
