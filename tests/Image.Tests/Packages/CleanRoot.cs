using System.Security.Cryptography;
using ACCOffload.TestKit.Machines;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Packages;

/// <summary>A Debian root file system with systemd but no running processes, into which packages are installed.</summary>
internal sealed class CleanRoot : IAsyncDisposable
{
    // Databases of package managers, logs and temporary files.
    private static readonly string[] IgnoredPaths = ["var/lib/dpkg/", "var/lib/rpm/", "usr/lib/sysimage/", "var/lib/accoffload-packages",
        "var/log/", "var/cache/", "tmp/", "root/", "run/"];

    private CleanRoot(string folder) => Folder = folder;

    public string Folder { get; }

    public static async Task<CleanRoot> CreateAsync()
    {
        var tree = await MachineTree.EnsureAsync();
        var folder = Path.Combine(Path.GetDirectoryName(tree)!, $"package-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}");
        await Shell.RunAsync(null, "cp", ["--archive", "--reflink=auto", tree, folder], limit: TimeSpan.FromMinutes(3)).Succeeded();
        await Shell.RunAsync(null, "mount", ["-t", "proc", "proc", Path.Combine(folder, "proc")]).Succeeded();
        // The tree's dpkg configuration excludes documentation, but our packages' documentation must be installed.
        foreach (var exclusions in Directory.GetFiles(Path.Combine(folder, "etc/dpkg/dpkg.cfg.d")))
        {
            File.Delete(exclusions);
        }

        return new CleanRoot(folder);
    }

    /// <summary>Runs a program in the root file system.</summary>
    public Task<ShellResult> RunAsync(params string[] command) =>
        Shell.RunAsync(null, "chroot", [Folder, .. command], limit: TimeSpan.FromMinutes(2));

    public string At(string path) => Path.Combine(Folder, path.TrimStart('/'));

    public async Task InstallAsync(PackageKind kind, BuiltPackages packages, string component)
    {
        switch (kind)
        {
            case PackageKind.Deb:
                var deb = packages.File($"accoffload-{component}_*.deb");
                File.Copy(deb, At("root/package.deb"), overwrite: true);
                (await RunAsync("dpkg", "--install", "/root/package.deb")).MustSucceed();
                File.Delete(At("root/package.deb"));
                break;
            case PackageKind.Rpm:
                // --nodeps, because the rpm database does not know the Debian packages.
                await Shell.RunAsync(null, "rpm",
                    ["--root", Folder, "--install", "--nodeps", packages.File($"accoffload-{component}-*.rpm")]).Succeeded();
                break;
            default:
                var unpacked = Directory.CreateDirectory(Path.Combine(packages.Folder, $"unpacked-{component}")).FullName;
                await Shell.RunAsync(null, "tar",
                    ["-C", unpacked, "--strip-components=1", "-xzf", packages.File($"accoffload-{component}-*.tar.gz")]).Succeeded();
                await Shell.RunAsync(null, $"{unpacked}/install", ["--root", Folder]).Succeeded();
                break;
        }
    }

    public async Task RemoveAsync(PackageKind kind, string component, bool purge)
    {
        switch (kind)
        {
            case PackageKind.Deb:
                (await RunAsync("dpkg", purge ? "--purge" : "--remove", $"accoffload-{component}")).MustSucceed();
                break;
            case PackageKind.Rpm:
                await Shell.RunAsync(null, "rpm", ["--root", Folder, "--erase", $"accoffload-{component}"]).Succeeded();
                break;
            default:
                await Shell.RunAsync(null, At($"var/lib/accoffload-packages/accoffload-{component}/uninstall"),
                    ["--root", Folder, .. purge ? ["--purge"] : Array.Empty<string>()]).Succeeded();
                break;
        }
    }

    /// <summary>Every file and folder with type, mode, owner and content hash.</summary>
    public async Task<SortedDictionary<string, string>> ListAsync()
    {
        var found = await Shell.RunAsync(null, "find", [Folder, "-xdev", "-mindepth", "1", "-printf", "%P\t%y %m %U %G %l\n"],
            limit: TimeSpan.FromMinutes(2)).Succeeded();
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in found.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = line.Split('\t', 2);
            if (IgnoredPaths.Any(ignored => (parts[0] + "/").StartsWith(ignored, StringComparison.Ordinal)))
            {
                continue;
            }

            var text = parts[1].TrimEnd();
            all[parts[0]] = text[0] == 'f' ? $"{text} {await HashAsync(At(parts[0]))}" : text;
        }
        return all;
    }

    /// <summary>The entries that are new (+), changed (!) or missing (-) in <paramref name="after"/>, one per line.</summary>
    public static IReadOnlyList<string> Changes(SortedDictionary<string, string> before, SortedDictionary<string, string> after) =>
    [
        .. after.Where(file => !before.ContainsKey(file.Key)).Select(file => $"+ {file.Key} {file.Value}")
            // Account files may contain dates, so only the fact of a change is compared.
            .Concat(after.Where(file => before.TryGetValue(file.Key, out var old) && old != file.Value).Select(file => $"! {file.Key}"))
            .Concat(before.Keys.Where(file => !after.ContainsKey(file)).Select(file => $"- {file}")),
    ];

    public async ValueTask DisposeAsync()
    {
        await Shell.RunAsync(null, "umount", ["--lazy", At("proc")]);
        await Shell.RunAsync(null, "rm", ["-rf", "--one-file-system", Folder], limit: TimeSpan.FromMinutes(3));
    }

    private static async Task<string> HashAsync(string file)
    {
        await using var stream = File.OpenRead(file);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream));
    }
}
