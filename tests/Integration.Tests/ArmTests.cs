using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests;

/// <summary>The binaries for the ACC start, including TLS and SQLite.</summary>
public sealed class ArmTests
{
    private const string Emulator = "/usr/bin/qemu-aarch64-static";

    private static string Binary(string name) => Path.Combine(Repository.Root, "out/linux-arm64", name, name);

    [Fact]
    public async Task The_arm64_binaries_start_and_speak_TLS_to_each_other()
    {
        Needs.Root();
        Needs.Program("qemu-aarch64-static", "qemu-user-static");
        Needs.Program("mmdebstrap", "mmdebstrap");
        Needs.NotMissing(File.Exists(Binary("inframanager")) ? null : "needs the published arm64 binaries: run 'make publish'");
        var libraries = await LibrariesAsync();
        var environment = new Dictionary<string, string> { ["QEMU_LD_PREFIX"] = libraries, ["LD_LIBRARY_PATH"] = string.Empty };
        var version = await Shell.RunAsync(null, Emulator, [Binary("inframanager"), "--version"], environment: environment).Succeeded();
        Assert.Matches(@"\d+\.\d+\.\d+", version.Output);
        environment["CNI_COMMAND"] = "VERSION";
        var plugin = await Shell.RunAsync(null, Emulator, [Binary("host-stub")], "{\"cniVersion\":\"1.1.0\"}", environment).Succeeded();
        Assert.Contains("1.1.0", plugin.Output);
        environment.Remove("CNI_COMMAND");

        // The target is unavailable: READY means that the store is open and the API is served.
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true, SeparateTarget = true });
        await using var manager = new BackgroundProcess(
            lab.AccNamespace, Emulator, [Binary("inframanager"), "run", "--config", lab.ManagerConfig], environment);
        await Eventually.TrueAsync(() => Task.FromResult(File.Exists(lab.ControlSocket)), () => $"inframanager serves:\n{manager.Log}", 60);
        Assert.True(File.Exists(lab.At("inframanager.db")), "the store exists");

        await using var agent = new BackgroundProcess(
            lab.HostNamespace, Emulator, [Binary("host-stub"), "agent", "--config", lab.AgentConfig], environment);
        await Eventually.TrueAsync(
            () => Task.FromResult(manager.Log.Contains("node-1", StringComparison.Ordinal)),
            () => $"the agent's certificate was accepted:\n{manager.Log}\n{agent.Log}", 60);
    }

    /// <summary>Debian's arm64 C library and OpenSSL, which .NET loads at run time; kept between runs.</summary>
    private static async Task<string> LibrariesAsync()
    {
        var folder = Path.Combine(Repository.Root, "out", "arm64-libraries");
        if (!File.Exists(Path.Combine(folder, "complete")))
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }

            await Shell.RunAsync(
                null, "mmdebstrap",
                ["--variant=extract", "--architectures=arm64", "--include=libc6,libssl3,libgcc-s1,libstdc++6", "bookworm", folder],
                limit: TimeSpan.FromMinutes(5)).Succeeded();
            await File.WriteAllTextAsync(Path.Combine(folder, "complete"), string.Empty);
        }

        return folder;
    }
}
