using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests;

/// <summary>The support bundles of both daemons: what is in them, and what must not be.</summary>
public sealed class SupportBundleTests
{
    [Fact]
    public async Task Bundles_have_state_and_configuration_and_no_key()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync();
        await lab.AddPodAsync("a");
        var manager = await MakeAsync(lab, Published.InfraManager, "inframanager", ["--config", lab.ManagerConfig]);
        var agent = await MakeAsync(lab, Published.HostStub, "host-stub", ["--config", lab.AgentConfig, "--socket", lab.At("host-stub.sock")]);

        Assert.True((bool?)JsonNode.Parse(manager["state/status.json"])!["canAttach"]);
        Assert.Contains(JsonNode.Parse(manager["state/endpoints.json"])!["endpoints"]!.AsArray(), e => (string?)e!["podName"] == "a");
        Assert.Contains("Control:Socket = ", manager["configuration/values.txt"], StringComparison.Ordinal);
        Assert.Contains("SHA-256", manager["configuration/certificates.txt"], StringComparison.Ordinal);
        Assert.Contains(" ok, ", manager["doctor.txt"], StringComparison.Ordinal);
        Assert.Contains("logs/inframanager.service.txt", manager.Keys);
        Assert.Contains(JsonNode.Parse(agent["state/status.json"])!["attachments"]!.AsArray(), a => (string?)a!["podName"] == "a");
        Assert.Contains("SHA-256", agent["configuration/certificates.txt"], StringComparison.Ordinal);

        var keys = Directory.GetFiles(lab.Pki, "*.key", SearchOption.AllDirectories);
        Assert.NotEmpty(keys);
        foreach (var line in keys.SelectMany(File.ReadLines).Where(l => l.Length > 20 && !l.StartsWith('-')))
        {
            Assert.All(manager.Concat(agent), e => Assert.DoesNotContain(line, e.Value, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Without_a_running_service_the_bundle_says_so()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true });
        var manager = await MakeAsync(lab, Published.InfraManager, "inframanager", ["--config", lab.ManagerConfig]);
        Assert.Contains("inframanager does not serve", manager["state/status.json"], StringComparison.Ordinal);
        Assert.Contains("(exit code 1)", manager["state/status.json"], StringComparison.Ordinal);

        var existing = await Shell.RunAsync(
            null, Published.InfraManager, ["support-bundle", "--config", lab.ManagerConfig, "--output", lab.ManagerConfig]);
        Assert.Equal(1, existing.ExitCode);
        Assert.Contains("give another file with --output", existing.Error, StringComparison.Ordinal);
    }

    private static async Task<IReadOnlyDictionary<string, string>> MakeAsync(Lab lab, string program, string name, string[] options)
    {
        var path = lab.At($"{name}.tar.gz");
        var run = await Shell.RunAsync(
            lab.HostNamespace, program, ["support-bundle", "--output", path, .. options], limit: TimeSpan.FromMinutes(3));
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.StartsWith($"{path}: without private keys", run.Output, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        var entries = new Dictionary<string, string>(StringComparer.Ordinal);
        await using var file = File.OpenRead(path);
        await using var archive = new TarReader(new GZipStream(file, CompressionMode.Decompress));
        while (await archive.GetNextEntryAsync(copyData: true) is { } entry)
        {
            Assert.StartsWith($"{name}-support-", entry.Name, StringComparison.Ordinal);
            entries[entry.Name[(entry.Name.IndexOf('/', StringComparison.Ordinal) + 1)..]] =
                entry.DataStream is { } data ? await new StreamReader(data).ReadToEndAsync() : "";
        }

        return entries;
    }
}
