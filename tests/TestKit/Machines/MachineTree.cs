using System.Security.Cryptography;
using System.Text;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Machines;

/// <summary>The file tree of a minimal Debian with systemd. Built once, kept between runs, and copied before each boot.</summary>
public static class MachineTree
{
    private static readonly string[] Packages = ["systemd", "systemd-sysv", "iproute2", "iputils-ping", "containernetworking-plugins",
        "libssl3", "openssl", "procps"];

    // Documentation that no test needs.
    private static readonly string[] ExcludedFolders = ["man", "doc", "locale", "info"];

    private static readonly SemaphoreSlim Gate = new(1, 1);

    public static async Task<string> EnsureAsync()
    {
        await Gate.WaitAsync();
        try
        {
            var key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(',', Packages))))[..8];
            var folder = Path.Combine(Repository.Root, "out", "machines", $"debian-{key}");
            if (!Directory.Exists(folder))
            {
                await BuildAsync(folder);
            }

            return folder;
        }
        finally
        {
            Gate.Release();
        }
    }

    private static async Task BuildAsync(string folder)
    {
        var unfinished = folder + ".new";
        await Shell.RunAsync(null, "rm", ["-rf", "--one-file-system", unfinished]).Succeeded();
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
        await Shell.RunAsync(
            null, "mmdebstrap",
            ["--quiet", "--variant=minbase", $"--include={string.Join(',', Packages)}",
                .. ExcludedFolders.Select(name => $"--dpkgopt=path-exclude=/usr/share/{name}/*"), "bookworm", unfinished],
            limit: TimeSpan.FromMinutes(8)).Succeeded();
        Directory.Move(unfinished, folder);
    }
}
