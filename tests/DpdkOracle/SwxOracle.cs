using System.Diagnostics;
using System.Text;

namespace ACCOffload.DpdkOracle;

/// <summary>A running DPDK pipeline, controlled by commands (see <c>swx/commands.c</c>).</summary>
public sealed class SwxOracle : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;

    private SwxOracle(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>The frequency of the time stamp counter in Hz.</summary>
    public long Frequency { get; private set; }

    /// <summary>Whether the clock can be advanced.</summary>
    public bool HasClock { get; private set; }

    /// <summary>Starts DPDK with the pipeline of a specification.</summary>
    public static async Task<SwxOracle> StartAsync(string specPath)
    {
        var process = Process.Start(new ProcessStartInfo(OracleProgram.Path, [specPath])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = Encoding.ASCII,
        })!;
        var oracle = new SwxOracle(process);
        var ready = (await process.StandardOutput.ReadLineAsync() ?? await oracle.FailureAsync()).Split(' ');
        if (ready[0] != "ready")
        {
            throw new InvalidOperationException($"unexpected answer from swx: {string.Join(' ', ready)}");
        }

        oracle.Frequency = long.Parse(ready[1], System.Globalization.CultureInfo.InvariantCulture);
        oracle.HasClock = ready[2] == "clock";
        return oracle;
    }

    /// <summary>Runs commands, one per line.</summary>
    /// <returns>The answers.</returns>
    public async Task<List<string>> ExchangeAsync(string commands)
    {
        // Answers are read concurrently, because both pipes have small buffers.
        var writing = WriteAsync(commands);
        var answers = new List<string>();
        for (; ; )
        {
            var line = await _process.StandardOutput.ReadLineAsync() ?? await FailureAsync();
            if (line == "end")
            {
                break;
            }

            answers.Add(line);
        }
        await writing;
        return answers;
    }

    private async Task WriteAsync(string commands)
    {
        try
        {
            await _process.StandardInput.WriteAsync(commands);
            await _process.StandardInput.WriteAsync("end\n");
            await _process.StandardInput.FlushAsync();
        }
        catch (IOException)
        {
            // The process exited early; the reader reports why.
        }
    }

    private async Task<string> FailureAsync()
    {
        await _process.WaitForExitAsync();
        throw new InvalidOperationException($"swx exited with code {_process.ExitCode}: {(await _errors).Trim()}");
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
