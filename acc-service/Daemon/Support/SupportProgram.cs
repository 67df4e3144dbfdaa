using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace ACCOffload.Daemon.Support;

/// <summary>Runs a program for a support bundle and takes what it prints, with limits for its time and its output.</summary>
internal static class SupportProgram
{
    /// <summary>Characters of a program's output that are kept; of more, the last ones.</summary>
    public const int MaxOutput = 4 << 20;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <returns>
    /// The output and the errors, or why there are none. Never fails: what could not be looked at must be seen in the bundle.
    /// </returns>
    public static async Task<string> RunAsync(string program, IEnumerable<string> arguments, CancellationToken cancel)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        // Plain text, whatever the terminal is.
        start.Environment["SYSTEMD_COLORS"] = "0";
        start.Environment["LC_ALL"] = "C.UTF-8";
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            return $"not available: {program} cannot be run: {e.Message}\n";
        }

        using (process)
        using (var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel))
        {
            limit.CancelAfter(Limit);
            process.StandardInput.Close();
            var output = ReadAsync(process.StandardOutput);
            var error = ReadAsync(process.StandardError);
            try
            {
                await process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                cancel.ThrowIfCancellationRequested();
                return $"not available: {program} did not end within {Limit.TotalSeconds:0} s\n";
            }

            var text = $"{await output}{await error}";
            return process.ExitCode == 0 ? text : $"{text}\n(exit code {process.ExitCode})\n";
        }
    }

    private static async Task<string> ReadAsync(StreamReader reader)
    {
        var text = new StringBuilder();
        var buffer = new char[16 << 10];
        var dropped = 0L;
        while (await reader.ReadAsync(buffer) is var count and > 0)
        {
            text.Append(buffer, 0, count);
            if (text.Length > 2 * MaxOutput)
            {
                dropped += text.Length - MaxOutput;
                text.Remove(0, text.Length - MaxOutput);
            }
        }

        if (text.Length > MaxOutput)
        {
            dropped += text.Length - MaxOutput;
            text.Remove(0, text.Length - MaxOutput);
        }

        return dropped == 0 ? text.ToString() : $"({dropped} characters before this are left out)\n{text}";
    }
}
