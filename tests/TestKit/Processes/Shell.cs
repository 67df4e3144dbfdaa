using System.Diagnostics;
using System.Text;

namespace ACCOffload.TestKit.Processes;

public sealed record ShellResult(int ExitCode, string Output, string Error)
{
    public ShellResult MustSucceed() =>
        ExitCode == 0 ? this : throw new InvalidOperationException($"exit code {ExitCode}\n{Output}\n{Error}");
}

/// <summary>Runs programs, in a network namespace where one is named, always with a limit.</summary>
public static class Shell
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static ProcessStartInfo StartInfo(string? netns, string program, IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string>? environment)
    {
        var info = new ProcessStartInfo
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        if (netns is null)
        {
            info.FileName = program;
        }
        else
        {
            // nsenter keeps the mount namespace, so that namespaces made by either side are seen by the other.
            info.FileName = "nsenter";
            info.ArgumentList.Add($"--net=/run/netns/{netns}");
            info.ArgumentList.Add("--");
            info.ArgumentList.Add(program);
        }

        foreach (var argument in arguments)
        {
            info.ArgumentList.Add(argument);
        }
        // What is meant for the tests: the product refuses keys that it does not know.
        foreach (var name in info.Environment.Keys.Where(n => n.StartsWith("ACCOFFLOAD_TEST_", StringComparison.Ordinal)).ToList())
        {
            info.Environment.Remove(name);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            info.Environment[name] = value;
        }

        return info;
    }

    public static async Task<ShellResult> RunAsync(
        string? netns, string program, string[] arguments, string? input = null, IReadOnlyDictionary<string, string>? environment = null,
        TimeSpan? limit = null)
    {
        using var process = Process.Start(StartInfo(netns, program, arguments, environment))!;
        using var timeout = new CancellationTokenSource(limit ?? Limit);
        var output = process.StandardOutput.ReadToEndAsync(timeout.Token);
        var error = process.StandardError.ReadToEndAsync(timeout.Token);
        try
        {
            if (input is not null)
            {
                await process.StandardInput.WriteAsync(input.AsMemory(), timeout.Token);
            }

            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The program ended without reading: its exit code tells.
        }

        try
        {
            await process.WaitForExitAsync(timeout.Token);
            return new ShellResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end");
        }
    }

    /// <summary>Runs a line such as "ip link show", split at blanks.</summary>
    public static Task<ShellResult> RunLineAsync(string? netns, string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return RunAsync(netns, words[0], words[1..]);
    }
}

/// <summary>A program in the background, with its output kept.</summary>
public sealed class BackgroundProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log = new();

    public BackgroundProcess(string? netns, string program, string[] arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        _process = Process.Start(Shell.StartInfo(netns, program, arguments, environment))!;
        _process.OutputDataReceived += (_, line) => Append(line.Data);
        _process.ErrorDataReceived += (_, line) => Append(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>SIGTERM, as systemctl stop sends it; the exit code.</summary>
    public async Task<int> StopAsync()
    {
        if (!_process.HasExited)
        {
            await Shell.RunAsync(null, "kill", ["-TERM", Id.ToString()]);
        }

        return await WaitAsync();
    }

    /// <summary>SIGKILL, without waiting for the end.</summary>
    public void Kill() => _process.Kill();

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        Kill();
        await WaitAsync();
    }

    public async Task<int> WaitAsync()
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill();
            throw new TimeoutException($"process {Id} did not end; its log:\n{Log}");
        }

        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    private void Append(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_log)
        {
            _log.AppendLine(line);
        }
    }
}

public static class ShellResultExtensions
{
    public static async Task<ShellResult> Succeeded(this Task<ShellResult> result) => (await result).MustSucceed();
}
