using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Ipam;

/// <summary>One run of a plugin's executable, bounded in time and in what it may print.</summary>
internal static class IpamProcess
{
    public const int MaxOutput = 1024 * 1024;
    public const int MaxErrorText = 64 * 1024;

    public sealed record Exit(int Code, byte[] Output, string ErrorText);

    public static async Task<Exit> RunAsync(string file, IReadOnlyDictionary<string, string> environment, ReadOnlyMemory<byte> input, TimeSpan limit)
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
        // Process.Dispose leaves its streams, and so two handles of each run, to the garbage collector.
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
            var (bytes, whole) = output.Result;
            if (!whole)
            {
                throw new CniException(CniErrorCode.DecodingFailure, $"the IPAM plugin {file} printed more than {MaxOutput} bytes");
            }

            return new Exit(process.ExitCode, bytes, Encoding.UTF8.GetString(errors.Result.Bytes));
        }
        catch (OperationCanceledException)
        {
            throw new CniException(CniErrorCode.TryAgainLater, $"the IPAM plugin {file} did not end within {limit.TotalSeconds:0.#} s", "it was killed");
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
            // It ended without reading everything; its exit code says more.
        }
    }

    // Reads to the end even beyond the limit, so that the process is not stopped by a full pipe.
    private static async Task<(byte[] Bytes, bool Whole)> ReadAsync(Stream stream, int limit, CancellationToken cancel)
    {
        using var kept = new MemoryStream();
        var buffer = new byte[4096];
        var whole = true;
        int got;
        while ((got = await stream.ReadAsync(buffer, cancel)) > 0)
        {
            var room = (int)Math.Min(got, limit - kept.Length);
            kept.Write(buffer, 0, room);
            whole &= room == got;
        }
        return (kept.ToArray(), whole);
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
            // Gone by itself.
        }
    }
}
