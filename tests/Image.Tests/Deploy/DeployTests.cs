using System.Text.Json.Nodes;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Deploy;

/// <summary>host-stub/deploy: the DaemonSet's script on a folder that represents the node's root file system, and the manifests.</summary>
public sealed class DeployTests : IDisposable
{
    private static readonly string Deploy = Path.Combine(Repository.Root, "host-stub/deploy");

    private readonly string _folder = Directory.CreateTempSubdirectory("accoffload-deploy-").FullName;

    public DeployTests()
    {
        // A node with a runtime and a plugin of another network.
        foreach (var folder in new[] { "node/opt/plugins", "node/etc/networks", "node/usr/lib", "source", "certificates" })
        {
            Directory.CreateDirectory(At(folder));
        }

        File.WriteAllText(At("node/opt/plugins/bridge"), "another");
        File.WriteAllText(At("source/host-stub"), "the plugin");
        File.WriteAllText(At("source/libe_sqlite3.so"), "its library");
        File.WriteAllText(At("network.conflist"), "{}");
        foreach (var name in new[] { "tls.crt", "tls.key", "ca.crt" })
        {
            File.WriteAllText(At($"certificates/{name}"), name);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Uninstall_removes_exactly_what_was_installed()
    {
        var before = List();
        (await NodeAsync("install")).MustSucceed();
        Assert.Equal(
            before.Concat([
                "etc/networks/20-ours.conflist", "opt/plugins/accoffload", "usr/lib/ours/host-stub", "usr/lib/ours/host-stub/folders",
                "usr/lib/ours/host-stub/host-stub", "usr/lib/ours/host-stub/libe_sqlite3.so", "usr/lib/ours",
            ]).Order(StringComparer.Ordinal),
            List());
        Assert.Equal("/usr/lib/ours/host-stub/host-stub", new FileInfo(At("node/opt/plugins/accoffload")).LinkTarget);
        Assert.True(File.GetUnixFileMode(At("node/usr/lib/ours/host-stub/host-stub")).HasFlag(UnixFileMode.OtherExecute));

        // A second run changes nothing. A new version replaces the old one, which may be running.
        var again = (await NodeAsync("install")).MustSucceed();
        Assert.DoesNotContain("installed", again.Output);
        await using (var running = File.OpenRead(At("node/usr/lib/ours/host-stub/host-stub")))
        {
            File.WriteAllText(At("source/host-stub"), "a newer plugin");
            (await NodeAsync("install")).MustSucceed();
            using var reader = new StreamReader(running);
            Assert.Equal("the plugin", await reader.ReadToEndAsync());
        }
        Assert.Equal("a newer plugin", File.ReadAllText(At("node/usr/lib/ours/host-stub/host-stub")));

        (await NodeAsync("uninstall")).MustSucceed();
        Assert.Equal(before, List());
        (await NodeAsync("uninstall")).MustSucceed();
    }

    [Fact]
    public async Task A_failed_installation_does_not_leave_a_network_configuration()
    {
        File.Delete(At("source/host-stub"));
        var run = await NodeAsync("install");
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("is missing", run.Error);
        Assert.False(File.Exists(At("node/etc/networks/20-ours.conflist")));
    }

    [Fact]
    public async Task The_network_is_not_taken_from_pods_that_have_it()
    {
        var results = Directory.CreateDirectory(At("results")).FullName;
        File.WriteAllText(Path.Combine(results, "podnet-0123456789ab-eth0"), "{}");
        var run = await NodeAsync("interface", ("RESULTS", results));
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("pods still have the network podnet", run.Error);
    }

    [Fact]
    public async Task Certificates_are_readable_only_by_their_owner()
    {
        (await NodeAsync("certificates")).MustSucceed();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(At("node/etc/ours/tls.key")));
        Assert.Equal("tls.crt", File.ReadAllText(At("node/etc/ours/tls.crt")));
    }

    [Fact]
    public async Task The_manifest_contains_a_valid_agent_configuration()
    {
        var run = (await Shell.RunAsync(null, $"{Deploy}/render",
            ["host-stub.yaml.in", "IMAGE=registry.example/host-stub:1", "ACC_ADDRESS=https://192.0.2.1:50002", "RUN_DIR=/run/elsewhere",
                """IPAM={"type":"host-local","ranges":[[{"subnet":"10.244.1.0/24"}]]}"""])).MustSucceed();
        Assert.DoesNotContain("@", run.Output);
        var network = JsonNode.Parse(Block(run.Output, "network.conflist: |"))!;
        Assert.Equal("accoffload", (string?)network["plugins"]![0]!["type"]);
        Assert.Equal("/run/elsewhere/agent.sock", (string?)network["plugins"]![0]!["socket"]);
        File.WriteAllText(At("host-stub.json"), Block(run.Output, "host-stub.json: |"));
        if (File.Exists(Published.HostStub))
        {
            var doctor = await Shell.RunAsync(null, Published.HostStub, ["doctor", "--json", "--config", At("host-stub.json")]);
            Assert.DoesNotContain(JsonNode.Parse(doctor.Output)!["findings"]!.AsArray(), f => (string?)f!["what"] == "configuration");
        }

        var missing = await Shell.RunAsync(null, $"{Deploy}/render", ["host-stub.yaml.in", "IMAGE=x"]);
        Assert.NotEqual(0, missing.ExitCode);
        Assert.Contains("has to be given", missing.Error);
        Assert.Contains("no such parameter", (await Shell.RunAsync(null, $"{Deploy}/render", ["host-stub.yaml.in", "IMGE=x"])).Error);
    }

    [Fact]
    public async Task A_manifest_with_another_parameter_replaces_the_pods()
    {
        var first = await TemplateAsync("MTU=1450");
        Assert.Equal(first, await TemplateAsync("MTU=1450"));
        Assert.NotEqual(first, await TemplateAsync("MTU=1400"));
        Assert.Contains("nodeSelector: { kubernetes.io/hostname: node-1 }",
            await TemplateAsync("NODE_SELECTOR={ kubernetes.io/hostname: node-1 }"));

        async Task<string> TemplateAsync(string parameter) => (await Shell.RunAsync(null, $"{Deploy}/render",
            ["host-stub.yaml.in", "IMAGE=x", "ACC_ADDRESS=https://192.0.2.1:50002", "IPAM={}", parameter])).MustSucceed()
            .Output.Split("  template:\n")[1];
    }

    [Fact]
    public async Task Each_node_gets_its_own_secret_with_its_own_role()
    {
        await Shell.RunAsync(null, $"{Repository.Root}/rootfs/pki/make-certs", ["--dir", At("pki")]).Succeeded();
        var run = (await Shell.RunAsync(null, $"{Deploy}/tls-secrets",
            ["--dir", At("pki"), "--image", "registry.example/host-stub:1", "node-1", "node-2"])).MustSucceed();
        foreach (var node in new[] { "node-1", "node-2" })
        {
            var secret = run.Output.Split("---\n").Single(d => d.Contains("kind: Secret", StringComparison.Ordinal)
                && d.Contains($"name: host-stub-{node}\n", StringComparison.Ordinal));
            File.WriteAllBytes(At("node.crt"), Convert.FromBase64String(secret.Split("tls.crt: ")[1].Split('\n')[0]));
            var text =
                (await Shell.RunAsync(null, "openssl", ["x509", "-in", At("node.crt"), "-noout", "-ext", "subjectAltName"])).MustSucceed();
            Assert.Contains($"urn:accoffload:role:host:{node}", text.Output);
            (await Shell.RunAsync(null, "openssl", ["verify", "-CAfile", At("pki/ca.crt"), At("node.crt")])).MustSucceed();
        }
        Assert.Equal(2, run.Output.Split("kind: Job").Length - 1);
    }

    private static string Block(string manifest, string key)
    {
        var lines = manifest.Split('\n').SkipWhile(l => l.Trim() != key).Skip(1)
            .TakeWhile(l => l.StartsWith("    ", StringComparison.Ordinal));
        return string.Join('\n', lines);
    }

    private string At(string name) => Path.Combine(_folder, name);

    private List<string> List() =>
        [.. Directory.EnumerateFileSystemEntries(At("node"), "*", SearchOption.AllDirectories)
            .Select(p => Path.GetRelativePath(At("node"), p)).Order(StringComparer.Ordinal)];

    private Task<ShellResult> NodeAsync(string what, params (string Name, string Value)[] more)
    {
        var environment = new Dictionary<string, string>
        {
            ["HOST_ROOT"] = At("node"),
            ["SOURCE"] = At("source"),
            ["BINARY_DIR"] = "/usr/lib/ours/host-stub",
            ["PLUGIN_DIR"] = "/opt/plugins",
            ["NETWORK_DIR"] = "/etc/networks",
            ["NETWORK_FILE"] = "20-ours.conflist",
            ["NETWORK_SOURCE"] = At("network.conflist"),
            ["PKI_DIR"] = "/etc/ours",
            ["CERTIFICATES"] = At("certificates"),
        };
        foreach (var (name, value) in more)
        {
            environment[name] = value;
        }

        return Shell.RunAsync(null, $"{Deploy}/node", [what], environment: environment);
    }
}
