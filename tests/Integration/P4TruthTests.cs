using System.Security.Cryptography;
using ACCOffload.Integration.Lab;

namespace ACCOffload.Integration;

/// <summary>The P4 source is what the data plane does: nothing else decides.</summary>
public sealed class P4TruthTests
{
    private const string TtlRule = "add h.ipv4.ttl 0xFF";

    /// <summary>`make p4` renews the stamp; a source or artifact that changed without it fails here.</summary>
    [Fact]
    public void The_compiled_pipeline_belongs_to_its_sources()
    {
        var folder = Path.Combine(Published.Root, "p4src");
        var stamped = File.ReadAllLines(Path.Combine(folder, "build/STAMP")).Select(line => line.Split("  ", 2)).ToDictionary(l => l[1], l => l[0]);
        var sources = Directory.GetFiles(folder, "*.p4", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder, path));
        var artifacts = Directory.GetFiles(Path.Combine(folder, "build"), "k8s_dp.*").Select(path => Path.GetRelativePath(folder, path));

        Assert.Equal(sources.Concat(artifacts).Order(StringComparer.Ordinal), stamped.Keys.Order(StringComparer.Ordinal));
        foreach (var (file, expected) in stamped)
        {
            var actual = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, file))));
            Assert.True(expected == actual, $"{file} changed since 'make p4': compile again");
        }
    }

    [RootFact]
    public async Task Another_rule_in_the_compiled_pipeline_forwards_otherwise()
    {
        var folder = Directory.CreateTempSubdirectory("accoffload-p4-");
        try
        {
            foreach (var file in Directory.GetFiles(Path.Combine(Published.Root, "p4src/build"), "k8s_dp.*"))
                File.Copy(file, Path.Combine(folder.FullName, Path.GetFileName(file)));
            var spec = Path.Combine(folder.FullName, "k8s_dp.spec");
            var text = await File.ReadAllTextAsync(spec);
            Assert.Contains(TtlRule, text);
            await File.WriteAllTextAsync(spec, text.Replace(TtlRule, "add h.ipv4.ttl 0xF6", StringComparison.Ordinal));

            await using var lab = await Lab.Lab.StartAsync(new LabOptions { PipelineDirectory = folder.FullName });
            var a = await lab.AddPodAsync("a");
            var b = await lab.AddPodAsync("b");
            var ping = await Shell.RunLineAsync(a.Namespace, $"ping -n -c 1 {b.Address}").Succeeded();
            Assert.Contains("ttl=54", ping.Output);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
