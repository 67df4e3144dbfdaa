using System.Globalization;

namespace ACCOffload.Crash.Tests.Watch;

/// <summary>A sample of a process's kernel resources.</summary>
/// <param name="Handles">Open file descriptors.</param>
/// <param name="Threads">Threads.</param>
/// <param name="ResidentKb">Resident memory, in KiB.</param>
internal readonly record struct ResourceSample(int Handles, int Threads, long ResidentKb)
{
    public static ResourceSample Of(int pid)
    {
        var status = File.ReadAllLines($"/proc/{pid}/status");
        return new ResourceSample(
            Directory.GetFileSystemEntries($"/proc/{pid}/fd").Length,
            (int)Number(status, "Threads:"),
            Number(status, "VmRSS:"));
    }

    private static long Number(string[] status, string name) =>
        long.Parse(status.Single(line => line.StartsWith(name, StringComparison.Ordinal))
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
