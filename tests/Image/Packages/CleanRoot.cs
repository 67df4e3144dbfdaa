using System.Security.Cryptography;
using ACCOffload.Integration.Lab;
using ACCOffload.Sandbox.Tests.Machine;

namespace ACCOffload.Image.Tests.Packages;

/// <summary>A root file system of Debian with systemd, nothing running in it, that a package is installed into.</summary>
internal sealed class CleanRoot : IAsyncDisposable
{
    // What a package manager keeps about packages, and logs.
    private static readonly string[] Books = ["var/lib/dpkg/", "var/lib/rpm/", "usr/lib/sysimage/", "var/lib/accoffload-packages", "var/log/", "var/cache/", "tmp/", "root/", "run/"];

    private CleanRoot(string folder) => Folder = folder;

    public string Folder { get; }

    public static async Task<CleanRoot> MakeAsync()
    {
        var tree = await MachineTree.EnsureAsync();
        var folder = Path.Combine(Path.GetDirectoryName(tree)!, $"package-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}");
        await Shell.RunAsync(null, "cp", ["--archive", "--reflink=auto", tree, folder], limit: TimeSpan.FromMinutes(3)).Succeeded();
        await Shell.RunAsync(null, "mount", ["-t", "proc", "proc", Path.Combine(folder, "proc")]).Succeeded();
        // The tree was made without documentation; a package's own is to be seen.
        foreach (var exclusions in Directory.GetFiles(Path.Combine(folder, "etc/dpkg/dpkg.cfg.d")))
        {
            File.Delete(exclusions);
        }

        return new CleanRoot(folder);
    }

    /// <summary>Runs a program in it.</summary>
    public Task<ShellResult> RunAsync(params string[] command) => Shell.RunAsync(null, "chroot", [Folder, .. command], limit: TimeSpan.FromMinutes(2));

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
                // Its database knows nothing of what Debian installed.
                await Shell.RunAsync(null, "rpm", ["--root", Folder, "--install", "--nodeps", packages.File($"accoffload-{component}-*.rpm")]).Succeeded();
                break;
            default:
                var unpacked = Directory.CreateDirectory(Path.Combine(packages.Folder, $"unpacked-{component}")).FullName;
                await Shell.RunAsync(null, "tar", ["-C", unpacked, "--strip-components=1", "-xzf", packages.File($"accoffload-{component}-*.tar.gz")]).Succeeded();
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
                await Shell.RunAsync(null, At($"var/lib/accoffload-packages/accoffload-{component}/uninstall"), ["--root", Folder, .. purge ? ["--purge"] : Array.Empty<string>()]).Succeeded();
                break;
        }
    }

    /// <summary>Each file and folder: its kind, mode, owner, and what it holds.</summary>
    public async Task<SortedDictionary<string, string>> ListAsync()
    {
        var found = await Shell.RunAsync(null, "find", [Folder, "-xdev", "-mindepth", "1", "-printf", "%P\t%y %m %U %G %l\n"], limit: TimeSpan.FromMinutes(2)).Succeeded();
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in found.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = line.Split('\t', 2);
            if (Books.Any(book => (parts[0] + "/").StartsWith(book, StringComparison.Ordinal)))
            {
                continue;
            }

            var text = parts[1].TrimEnd();
            all[parts[0]] = text[0] == 'f' ? $"{text} {await HashAsync(At(parts[0]))}" : text;
        }
        return all;
    }

    /// <summary>What is new in <paramref name="after"/> (+), other (!) or gone (-), a line each.</summary>
    public static IReadOnlyList<string> Changes(SortedDictionary<string, string> before, SortedDictionary<string, string> after) =>
    [
        .. after.Where(file => !before.ContainsKey(file.Key)).Select(file => $"+ {file.Key} {file.Value}")
            // The last byte of an account file may be a date: that it is other says enough.
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
