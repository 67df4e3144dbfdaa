using System.Diagnostics;

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
