using ACCOffload.Integration.Lab;

namespace ACCOffload.Integration;

/// <summary>Skipped where the emulator, its libraries or the arm64 binaries are missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ArmFactAttribute : FactAttribute
{
    internal const string Emulator = "/usr/bin/qemu-aarch64-static";

    /// <summary>Names what is missing.</summary>
    public ArmFactAttribute()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Skip = "needs root";
        }
        else if (!File.Exists(Emulator))
        {
            Skip = "needs qemu-user-static";
        }
        else if (!File.Exists("/usr/bin/mmdebstrap"))
        {
            Skip = "needs mmdebstrap, for the arm64 libraries";
        }
        else if (!File.Exists(ArmTests.Binary("inframanager")))
        {
            Skip = "needs the published arm64 binaries: run 'make publish'";
        }
    }
}

/// <summary>The binaries for the ACC start: TLS and SQLite included.</summary>
public sealed class ArmTests
{
    internal static string Binary(string name) => Path.Combine(Published.Root, "out/linux-arm64", name, name);

    [ArmFact]
    public async Task The_arm64_binaries_start_and_speak_TLS_to_each_other()
    {
        var libraries = await LibrariesAsync();
        var environment = new Dictionary<string, string> { ["QEMU_LD_PREFIX"] = libraries, ["LD_LIBRARY_PATH"] = string.Empty };
        var version = await Shell.RunAsync(null, ArmFactAttribute.Emulator, [Binary("inframanager"), "--version"], environment: environment).Succeeded();
        Assert.Matches(@"\d+\.\d+\.\d+", version.Output);
        environment["CNI_COMMAND"] = "VERSION";
        var plugin = await Shell.RunAsync(null, ArmFactAttribute.Emulator, [Binary("host-stub")], "{\"cniVersion\":\"1.1.0\"}", environment).Succeeded();
        Assert.Contains("1.1.0", plugin.Output);
        environment.Remove("CNI_COMMAND");

        // A target that is away: READY means that the store is open and the API served.
        await using var lab = await Lab.Lab.StartAsync(new LabOptions { Bare = true, SeparateTarget = true });
        await using var manager = new BackgroundProcess(
            lab.AccNamespace, ArmFactAttribute.Emulator, [Binary("inframanager"), "run", "--config", lab.ManagerConfig], environment);
        await Eventually.TrueAsync(() => Task.FromResult(File.Exists(lab.ControlSocket)), () => $"inframanager serves:\n{manager.Log}", 60);
        Assert.True(File.Exists(lab.At("inframanager.db")), "the store is there");

        await using var agent = new BackgroundProcess(
            lab.HostNamespace, ArmFactAttribute.Emulator, [Binary("host-stub"), "agent", "--config", lab.AgentConfig], environment);
        await Eventually.TrueAsync(
            () => Task.FromResult(manager.Log.Contains("node-1", StringComparison.Ordinal)),
            () => $"the agent's certificate was taken:\n{manager.Log}\n{agent.Log}", 60);
    }

    /// <summary>Debian's arm64 C library and OpenSSL, which .NET loads at run time; kept between runs.</summary>
    private static async Task<string> LibrariesAsync()
    {
        var folder = Path.Combine(Published.Root, "out", "arm64-libraries");
        if (!File.Exists(Path.Combine(folder, "complete")))
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }

            await Shell.RunAsync(
                null, "mmdebstrap", ["--variant=extract", "--architectures=arm64", "--include=libc6,libssl3,libgcc-s1,libstdc++6", "bookworm", folder],
                limit: TimeSpan.FromMinutes(5)).Succeeded();
            await File.WriteAllTextAsync(Path.Combine(folder, "complete"), string.Empty);
        }

        return folder;
    }
}
