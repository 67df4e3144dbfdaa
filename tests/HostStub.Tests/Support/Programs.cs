using System.Diagnostics;

namespace ACCOffload.HostStub.Tests.Support;

/// <summary>Runs other executables.</summary>
internal static class Programs
{
    /// <summary>host-stub, from its own output directory: in that of the tests its dependencies are incomplete.</summary>
    public static string HostStub
    {
        get
        {
            var output = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
            var configuration = Path.GetFileName(Path.GetDirectoryName(output)!);
            return Path.Combine(Repository.Root, "host-stub", "bin", configuration, Path.GetFileName(output), "host-stub");
        }
    }

    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(
        string file, string[] arguments, string input, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It exited without reading its input.
        }
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        return (process.ExitCode, await output, await error);
    }
}
