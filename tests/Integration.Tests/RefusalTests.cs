using System.Diagnostics;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests;

/// <summary>Invalid configurations and hosts without a valid certificate are rejected with a clear error, and change nothing.</summary>
public sealed class RefusalTests
{
    [Fact]
    public async Task An_invalid_configuration_value_is_named_with_its_file_and_key()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true });
        var cases = new (string Program, string[] Arguments, string File, string Section, string Key, JsonNode Value)[]
        {
            (Published.InfraManager, ["run", "--config"], lab.ManagerConfig, "Node", "PodRanges", new JsonArray("10.244.1.0/33")),
            (Published.InfraManager, ["run", "--config"], lab.ManagerConfig, "Api", "Listen", "192.0.2.1:99999"),
            (Published.InfraManager, ["run", "--config"], lab.ManagerConfig, "Node", "Mtuu", 1500),
            (Published.HostStub, ["agent", "--config"], lab.AgentConfig, "HostInterface", "Addresses", new JsonArray("200.1.1.300/32")),
            (Published.HostStub, ["agent", "--config"], lab.AgentConfig, "Acc", "Address", "192.0.2.1"),
        };
        foreach (var (program, arguments, file, section, key, value) in cases)
        {
            var config = JsonNode.Parse(await File.ReadAllTextAsync(file))!;
            config[section]![key] = value;
            var wrong = lab.At("wrong.json");
            await File.WriteAllTextAsync(wrong, config.ToJsonString());
            var result = await Shell.RunAsync(lab.AccNamespace, program, [.. arguments, wrong]);
            Assert.Equal(78, result.ExitCode);
            var line = Assert.Single((result.Output + result.Error).Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.Contains(wrong, line);
            Assert.Contains(key, line);
        }

        Assert.False(File.Exists(lab.At("inframanager.db")), "a store was created");
        Assert.False(File.Exists(lab.At("host-stub.db")), "the agent's store was created");
    }

    [Fact]
    public async Task Only_hosts_with_a_certificate_from_the_CA_are_served()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync();
        var before = (await lab.ControlAsync("endpoints")).ToJsonString();

        // TLS 1.2, with a good certificate.
        var old = await Shell.RunAsync(
            lab.HostNamespace, "openssl",
            ["s_client", "-connect", "192.0.2.1:50002", "-tls1_2", "-cert", $"{lab.Pki}/host-client/tls.crt",
                "-key", $"{lab.Pki}/host-client/tls.key"], "");
        Assert.NotEqual(0, old.ExitCode);

        // A valid certificate from another CA, and one whose role is not host.
        var foreign = lab.At("foreign");
        (await Shell.RunAsync(null, Path.Combine(Repository.Root, "rootfs/pki/make-certs"),
            ["--dir", foreign, "--node", "node-1"])).MustSucceed();
        foreach (var folder in new[] { $"{foreign}/host-client", $"{lab.Pki}/p4rt-client" })
        {
            await lab.Agent!.KillAsync();
            var config = JsonNode.Parse(await File.ReadAllTextAsync(lab.AgentConfig))!;
            config["Acc"]!["CertificateFile"] = $"{folder}/tls.crt";
            config["Acc"]!["KeyFile"] = $"{folder}/tls.key";
            var path = lab.At("stranger.json");
            await File.WriteAllTextAsync(path, config.ToJsonString());
            await using var stranger = new BackgroundProcess(lab.HostNamespace, Published.HostStub, ["agent", "--config", path]);
            await Eventually.TrueAsync(
                () => stranger.HasExited
                    ? throw new InvalidOperationException(stranger.Log)
                    : Task.FromResult(File.Exists(lab.At("host-stub.sock"))), "the agent listens");

            var netns = await lab.AddNamespaceAsync($"s{folder.Length}");
            var clock = Stopwatch.StartNew();
            ShellResult? refused = null;
            await Eventually.TrueAsync(
                async () => (refused = await lab.PluginAsync("ADD", new Pod("s", netns, "stranger"))).Output.Contains("\"code\"",
                    StringComparison.Ordinal), "ADD is answered");
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60));
            Assert.Equal(11, (int?)JsonNode.Parse(refused!.Output)!["code"]);
            Assert.Empty((await Shell.RunLineAsync(netns, "ip -o link show type veth")).Output);
        }

        Assert.Equal(before, (await lab.ControlAsync("endpoints")).ToJsonString());
        Assert.Contains("role", lab.Manager!.Log);
    }
}
