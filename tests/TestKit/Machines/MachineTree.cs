using System.Security.Cryptography;
using System.Text;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Machines;

/// <summary>The file tree of a small Debian with systemd, made of packages by name; kept between runs, never booted itself.</summary>
public static class MachineTree
{
    private static readonly string[] Packages = ["systemd", "systemd-sysv", "iproute2", "iputils-ping", "containernetworking-plugins",
        "libssl3", "openssl", "procps"];

    // What nobody reads in there.
    private static readonly string[] Left = ["man", "doc", "locale", "info"];

    private static readonly SemaphoreSlim Once = new(1, 1);

    public static async Task<string> EnsureAsync()
    {
        await Once.WaitAsync();
        try
        {
            var key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(',', Packages))))[..8];
            var folder = Path.Combine(Repository.Root, "out", "machines", $"debian-{key}");
            if (!Directory.Exists(folder))
            {
                await MakeAsync(folder);
            }

            return folder;
        }
        finally
        {
            Once.Release();
        }
    }

    private static async Task MakeAsync(string folder)
    {
        var unfinished = folder + ".new";
        await Shell.RunAsync(null, "rm", ["-rf", "--one-file-system", unfinished]).Succeeded();
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
        await Shell.RunAsync(
            null, "mmdebstrap",
            ["--quiet", "--variant=minbase", $"--include={string.Join(',', Packages)}",
                .. Left.Select(name => $"--dpkgopt=path-exclude=/usr/share/{name}/*"), "bookworm", unfinished],
            limit: TimeSpan.FromMinutes(8)).Succeeded();
        Directory.Move(unfinished, folder);
    }
}
