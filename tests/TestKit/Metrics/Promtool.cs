using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Metrics;

/// <summary>Prometheus' own tool.</summary>
public static class Promtool
{
    public const string Path = "/usr/bin/promtool";

    /// <summary>Why it can't be asked here, or null.</summary>
    public static string? Missing => File.Exists(Path) ? null : $"needs {Path} (package prometheus)";

    /// <summary>What `promtool check metrics` has to say of a text; empty where it finds nothing.</summary>
    public static async Task<string> CheckAsync(string text)
    {
        var run = await Shell.RunAsync(null, Path, ["check", "metrics"], text);
        return $"{run.Output}{run.Error}{(run.ExitCode == 0 ? "" : $"exit code {run.ExitCode}")}";
    }
}
