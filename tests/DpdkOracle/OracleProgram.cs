using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace ACCOffload.DpdkOracle;

/// <summary>The C program in <c>swx/</c>, compiled once per version of its sources.</summary>
public static class OracleProgram
{
    private static readonly Lazy<string?> MissingOnce = new(FindMissing);
    private static readonly Lazy<string> PathOnce = new(Compile);

    /// <summary>Why it can't be compiled here; null if it can.</summary>
    public static string? Missing => MissingOnce.Value;

    /// <summary>Why tests that advance DPDK's clock can't run here; null if they can. The time stamp counter must trap.</summary>
    public static string? MissingWithClock =>
        Missing ?? (RuntimeInformation.ProcessArchitecture == Architecture.X64
            ? null
            : "needs x86-64: DPDK's clock can't be replaced elsewhere");

    /// <summary>The executable.</summary>
    public static string Path => PathOnce.Value;

    private static string? FindMissing()
    {
        if (!TryRun("cc", "--version", out _))
        {
            return "needs a C compiler: install gcc";
        }

        if (!TryRun("pkg-config", "--version", out _))
        {
            return "needs pkg-config";
        }

        return TryRun("pkg-config", "--exists libdpdk", out _) ? null : "needs DPDK: install libdpdk-dev";
    }

    private static string Compile()
    {
        var directory = System.IO.Path.Combine(AppContext.BaseDirectory, "swx");
        var sources = Directory.GetFiles(directory, "*.c").Order(StringComparer.Ordinal).ToArray();
        if (!TryRun("pkg-config", "--cflags --libs libdpdk", out var flags))
        {
            throw new InvalidOperationException(Missing);
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(System.Text.Encoding.UTF8.GetBytes(flags));
        foreach (var source in sources.Append(System.IO.Path.Combine(directory, "swx.h")))
        {
            hash.AppendData(File.ReadAllBytes(source));
        }

        var program = System.IO.Path.Combine(directory, $"swx-{Convert.ToHexStringLower(hash.GetHashAndReset())[..16]}");
        if (File.Exists(program))
        {
            return program;
        }

        // Another test process may compile it at the same time: the rename ensures that the file is always complete.
        var temporary = $"{program}.{Environment.ProcessId}";
        var arguments = $"-O2 -Wall -Wextra -DALLOW_EXPERIMENTAL_API {string.Join(' ', sources.Select(s => $"\"{s}\""))} {flags.Trim()} "
            + $"-o \"{temporary}\"";
        if (!TryRun("cc", arguments, out var output))
        {
            throw new InvalidOperationException($"swx does not compile:\n{output}");
        }

        File.Move(temporary, program, overwrite: true);
        return program;
    }

    private static bool TryRun(string command, string arguments, out string output)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            var errors = process.StandardError.ReadToEndAsync();
            output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            output += errors.GetAwaiter().GetResult();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            output = e.Message;
            return false;
        }
    }
}
