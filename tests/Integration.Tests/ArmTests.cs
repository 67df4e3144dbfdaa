using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests;

/// <summary>The arm64 binaries run, including TLS and SQLite.</summary>
public sealed class ArmTests
{
    private const string Emulator = "/usr/bin/qemu-aarch64-static";

    private static string Binary(string name) => Path.Combine(Repository.Root, "out/linux-arm64", name, name);

    [Fact]
    public async Task The_arm64_binaries_start_and_speak_TLS_to_each_other()
    {
        var environment = await EnvironmentAsync("inframanager", "host-stub");
        var version = await Shell.RunAsync(null, Emulator, [Binary("inframanager"), "--version"], environment: environment).Succeeded();
        Assert.Matches(@"\d+\.\d+\.\d+", version.Output);
        environment["CNI_COMMAND"] = "VERSION";
        var plugin = await Shell.RunAsync(null, Emulator, [Binary("host-stub")], "{\"cniVersion\":\"1.1.0\"}", environment).Succeeded();
        Assert.Contains("1.1.0", plugin.Output);
        environment.Remove("CNI_COMMAND");

        // The target is unavailable: inframanager opens its store and serves its APIs without it.
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

    [Fact]
    public async Task The_arm64_plugin_stores_a_DEL_while_the_agent_is_down()
    {
        var environment = await EnvironmentAsync("host-stub");
        var folder = Directory.CreateTempSubdirectory("arm64-").FullName;
        try
        {
            environment["CNI_COMMAND"] = "DEL";
            environment["CNI_CONTAINERID"] = "c1";
            environment["CNI_IFNAME"] = "eth0";
            var network = $$"""{"cniVersion":"1.0.0","name":"podnet","type":"accoffload","socket":"{{folder}}/agent.sock"}""";

            var answer = await Shell.RunAsync(null, Emulator, [Binary("host-stub")], network, environment).Succeeded();

            Assert.Contains("the removal is stored for it", answer.Error, StringComparison.Ordinal);
            Assert.Single(Directory.GetFiles($"{folder}/agent.sock.pending"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The variables with which the emulator runs these binaries.</summary>
    private static async Task<Dictionary<string, string>> EnvironmentAsync(params string[] binaries)
    {
        Needs.Root();
        Needs.Program("qemu-aarch64-static", "qemu-user-static");
        Needs.Program("mmdebstrap", "mmdebstrap");
        Needs.NotMissing(
            binaries.All(b => File.Exists(Binary(b))) ? null : "needs the published arm64 binaries: run 'make publish'");
        return new() { ["QEMU_LD_PREFIX"] = await LibrariesAsync(), ["LD_LIBRARY_PATH"] = string.Empty };
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
