using System.Diagnostics;
using System.Text;

namespace ACCOffload.DpdkOracle;

/// <summary>A running DPDK pipeline: commands in, answers out (see <c>swx/commands.c</c>).</summary>
public sealed class SwxOracle : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;

    private SwxOracle(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Rate of the time stamp counter.</summary>
    public long Frequency { get; private set; }

    /// <summary>Whether time can be advanced.</summary>
    public bool HasClock { get; private set; }

    /// <summary>Builds the pipeline of a specification.</summary>
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
            throw new InvalidOperationException($"unexpected answer of swx: {string.Join(' ', ready)}");
        }

        oracle.Frequency = long.Parse(ready[1], System.Globalization.CultureInfo.InvariantCulture);
        oracle.HasClock = ready[2] == "clock";
        return oracle;
    }

    /// <summary>Runs commands, one a line.</summary>
    /// <returns>The answers.</returns>
    public async Task<List<string>> ExchangeAsync(string commands)
    {
        // Answers are read meanwhile: both pipes are small.
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
            // It ended early: the reader says why.
        }
    }

    private async Task<string> FailureAsync()
    {
        await _process.WaitForExitAsync();
        throw new InvalidOperationException($"swx ended with code {_process.ExitCode}: {(await _errors).Trim()}");
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
