using System.Diagnostics;
using System.Text;

namespace ACCOffload.TestKit.Processes;

public sealed record ShellResult(int ExitCode, string Output, string Error)
{
    public ShellResult MustSucceed() =>
        ExitCode == 0 ? this : throw new InvalidOperationException($"exit code {ExitCode}\n{Output}\n{Error}");
}

/// <summary>Runs programs with a time limit, in a network namespace if one is given.</summary>
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
            // nsenter, unlike ip netns exec, keeps the mount namespace, so both sides see each other's new namespaces.
            info.FileName = "nsenter";
            info.ArgumentList.Add($"--net=/run/netns/{netns}");
            info.ArgumentList.Add("--");
            info.ArgumentList.Add(program);
        }

        foreach (var argument in arguments)
        {
            info.ArgumentList.Add(argument);
        }
        // Variables for the tests: the product rejects unknown ACCOFFLOAD_ variables.
        foreach (var name in info.Environment.Keys
            .Where(n => n.StartsWith("ACCOFFLOAD_TEST_", StringComparison.Ordinal) || n == "ACCOFFLOAD_KUBERNETES").ToList())
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
            // The program exited without reading its input; the exit code says why.
        }

        try
        {
            await process.WaitForExitAsync(timeout.Token);
            return new ShellResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not exit in time");
        }
    }

    /// <summary>Runs a line such as "ip link show", split at spaces.</summary>
    public static Task<ShellResult> RunLineAsync(string? netns, string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return RunAsync(netns, words[0], words[1..]);
    }
}

/// <summary>A program that runs in the background; its output is collected.</summary>
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

    /// <summary>Sends SIGTERM, like systemctl stop, and returns the exit code.</summary>
    public async Task<int> StopAsync()
    {
        if (!_process.HasExited)
        {
            await Shell.RunAsync(null, "kill", ["-TERM", Id.ToString()]);
        }

        return await WaitAsync();
    }

    /// <summary>Sends SIGKILL without waiting for the exit.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Sends SIGKILL and waits for the exit.</summary>
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
            throw new TimeoutException($"process {Id} did not exit; its log:\n{Log}");
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
