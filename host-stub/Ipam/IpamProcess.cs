using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Ipam;

/// <summary>Runs a plugin's executable once, with limits on its time and output.</summary>
internal static class IpamProcess
{
    public const int MaxOutput = 1024 * 1024;
    public const int MaxErrorText = 64 * 1024;

    public sealed record Exit(int Code, byte[] Output, string ErrorText);

    public static async Task<Exit> RunAsync(
        string file, IReadOnlyDictionary<string, string> environment, ReadOnlyMemory<byte> input, TimeSpan limit)
    {
        var start = new ProcessStartInfo(file)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = "/",
        };
        start.Environment.Clear();
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = new Process { StartInfo = start };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, $"the IPAM plugin {file} can't be run", e.Message);
        }
        // Process.Dispose leaves its streams, and with them two handles per run, to the garbage collector.
        using var standardOutput = process.StandardOutput;
        using var standardError = process.StandardError;
        using var timeout = new CancellationTokenSource(limit);
        try
        {
            var output = ReadAsync(standardOutput.BaseStream, MaxOutput, timeout.Token);
            var errors = ReadAsync(standardError.BaseStream, MaxErrorText, timeout.Token);
            await WriteAsync(process.StandardInput.BaseStream, input, timeout.Token);
            await Task.WhenAll(output, errors);
            await process.WaitForExitAsync(timeout.Token);
            var (bytes, complete) = output.Result;
            if (!complete)
            {
                throw new CniException(CniErrorCode.DecodingFailure, $"the IPAM plugin {file} printed more than {MaxOutput} bytes");
            }

            return new Exit(process.ExitCode, bytes, Encoding.UTF8.GetString(errors.Result.Bytes));
        }
        catch (OperationCanceledException)
        {
            throw new CniException(
                CniErrorCode.TryAgainLater, $"the IPAM plugin {file} did not exit within {limit.TotalSeconds:0.#} s", "it was killed");
        }
        finally
        {
            Kill(process);
        }
    }

    private static async Task WriteAsync(Stream stream, ReadOnlyMemory<byte> input, CancellationToken cancel)
    {
        try
        {
            await using (stream)
            {
                await stream.WriteAsync(input, cancel);
            }
        }
        catch (IOException)
        {
            // The plugin exited without reading everything; its exit code says more.
        }
    }

    // Reads to the end even beyond the limit, so that the process does not block on a full pipe.
    private static async Task<(byte[] Bytes, bool Complete)> ReadAsync(Stream stream, int limit, CancellationToken cancel)
    {
        using var kept = new MemoryStream();
        var buffer = new byte[4096];
        var complete = true;
        int got;
        while ((got = await stream.ReadAsync(buffer, cancel)) > 0)
        {
            var room = (int)Math.Min(got, limit - kept.Length);
            kept.Write(buffer, 0, room);
            complete &= room == got;
        }
        return (kept.ToArray(), complete);
    }

    private static void Kill(Process process)
    {
        try
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // Already exited.
        }
    }
}
