using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests;

/// <summary>The P4 source alone defines what the data plane does.</summary>
public sealed partial class P4TruthTests
{
    // The second one applies the same decrement to the header's checksum, of a packet in which nothing else changes.
    private const string TtlRule = "add h.ipv4.ttl 0xFF";
    private const string ChecksumRule = "h.ipv4.checksum 0x100";

    /// <summary>`make p4` updates the stamp; a source or artifact that changed without it fails here.</summary>
    [Fact]
    public void The_compiled_pipeline_matches_its_sources()
    {
        var folder = Path.Combine(Repository.Root, "p4src");
        var stamped = File.ReadAllLines(Path.Combine(folder, "build/STAMP")).Select(line => line.Split("  ", 2))
            .ToDictionary(l => l[1], l => l[0]);
        var sources = Directory.GetFiles(folder, "*.p4", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder, path));
        var artifacts = Directory.GetFiles(Path.Combine(folder, "build"), "k8s_dp.*").Select(path => Path.GetRelativePath(folder, path));

        Assert.Equal(sources.Concat(artifacts).Order(StringComparer.Ordinal), stamped.Keys.Order(StringComparer.Ordinal));
        foreach (var (file, expected) in stamped)
        {
            var actual = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, file))));
            Assert.True(expected == actual, $"{file} changed since 'make p4': compile again");
        }
    }

    /// <summary>docs/targets.md: P4-DPDK extracts the architecture from the command, and infrap4d crashes if there is none.</summary>
    [Fact]
    public void The_context_contains_the_architecture_but_no_build_environment()
    {
        var context = Context();

        Assert.Equal("p4c-dpdk --arch pna k8s_dp.p4", (string?)context["compile_command"]);
        Assert.Equal("k8s_dp", (string?)context["program_name"]);
        Assert.Equal("", (string?)context["build_date"]);
        Assert.Matches("^[0-9.]+$", (string?)context["compiler_version"]);
    }

    /// <summary>P4-DPDK inserts by a table's target name and deletes by the last part of its P4 name.</summary>
    [Fact]
    public void Tables_have_the_same_name_on_the_target_and_in_P4()
    {
        var names = Context()["tables"]!.AsArray().Select(t => ((string)t!["name"]!, (string)t["target_name"]!)).ToList();

        Assert.NotEmpty(names);
        Assert.All(names, n => Assert.Equal(n.Item1[(n.Item1.LastIndexOf('.') + 1)..], n.Item2));
        var spec = TableName().Matches(File.ReadAllText(Artifact("spec"))).Select(m => m.Groups[1].Value);
        Assert.Equal(names.Select(n => n.Item2).Order(StringComparer.Ordinal), spec.Order(StringComparer.Ordinal));
        var schema = JsonNode.Parse(File.ReadAllText(Artifact("bfrt.json")))!["tables"]!.AsArray().Select(t => (string)t!["name"]!);
        Assert.Empty(names.Select(n => $"pipe.{n.Item1}").Except(schema));
    }

    [Fact]
    public void Checksum_instructions_are_separated_from_moves_of_the_same_data()
    {
        // P4-DPDK turns the instructions between two tables into one C function and compiles it with strict aliasing. Moves access 64 bits;
        // a checksum instruction accesses its state as 16-bit values and a whole header as 32-bit values. The effect was wrong IPv4
        // checksums in translated packets (November 2026, gcc 12).
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, "p4src/build/k8s_dp.spec"));
        var (moved, summed, set, whole) = (new HashSet<string>(), new HashSet<string>(), new HashSet<string>(), new HashSet<string>());
        var sums = 0;
        foreach (var line in lines.SkipWhile(l => l != "apply {"))
        {
            var words = line[(line.LastIndexOf(" :", StringComparison.Ordinal) is > 0 and var label ? label + 2 : 0)..]
                .Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            switch (words)
            {
                case ["mov", var to, var from]:
                    moved.UnionWith(new[] { to, from }.Where(IsState));
                    set.Add(HeaderOf(to));
                    break;
                case ["ckadd" or "cksub", var state, var source]:
                    sums++;
                    summed.Add(state);
                    if (source.Count(c => c == '.') == 1)
                    {
                        whole.Add(source);
                    }

                    break;
                case [var operation, var to, ..] when operation is "add" or "sub" or "and" or "or" or "xor" or "shl" or "shr":
                    set.Add(HeaderOf(to));
                    break;
                case ["table", ..]:
                    Check();
                    break;
            }
        }

        Check();
        Assert.True(sums > 20, $"only {sums} checksum instructions were found");

        static bool IsState(string operand) => operand.StartsWith("h.cksum_state.", StringComparison.Ordinal);

        static string HeaderOf(string operand) => string.Join('.', operand.Split('.').Take(2));

        void Check()
        {
            Assert.Empty(moved.Intersect(summed));
            Assert.Empty(set.Intersect(whole));
            moved.Clear();
            summed.Clear();
            set.Clear();
            whole.Clear();
        }
    }

    [Fact]
    public void The_pipeline_has_a_name() =>
        Assert.Contains("name: \"k8s_dp\"", File.ReadAllText(Artifact("p4info.txt"))[..200], StringComparison.Ordinal);

    [Fact]
    public async Task A_changed_rule_in_the_compiled_pipeline_changes_the_forwarding()
    {
        Needs.Lab();
        var folder = Directory.CreateTempSubdirectory("accoffload-p4-");
        try
        {
            foreach (var file in Directory.GetFiles(Path.Combine(Repository.Root, "p4src/build"), "k8s_dp.*"))
            {
                File.Copy(file, Path.Combine(folder.FullName, Path.GetFileName(file)));
            }

            var spec = Path.Combine(folder.FullName, "k8s_dp.spec");
            var text = await File.ReadAllTextAsync(spec);
            Assert.Contains(TtlRule, text);
            Assert.Contains(ChecksumRule, text);
            await File.WriteAllTextAsync(spec, text
                .Replace(TtlRule, "add h.ipv4.ttl 0xF6", StringComparison.Ordinal)
                .Replace(ChecksumRule, "h.ipv4.checksum 0xA00", StringComparison.Ordinal));

            await using var lab = await Lab.StartAsync(new LabOptions { PipelineDirectory = folder.FullName });
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

    private static JsonNode Context() => JsonNode.Parse(File.ReadAllText(Artifact("context.json")))!;

    private static string Artifact(string suffix) => Path.Combine(Repository.Root, "p4src/build", $"k8s_dp.{suffix}");

    [GeneratedRegex("^(?:table|learner) (\\w+) \\{", RegexOptions.Multiline)]
    private static partial Regex TableName();
}
