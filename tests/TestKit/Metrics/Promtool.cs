using System.Diagnostics;

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
        using var process = Process.Start(new ProcessStartInfo(Path, ["check", "metrics"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.StandardInput.WriteAsync(text);
        process.StandardInput.Close();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        return $"{await output}{await error}{(process.ExitCode == 0 ? "" : $"exit code {process.ExitCode}")}";
    }
}
