using System.Text.RegularExpressions;
using ACCOffload.Cluster.Tests.Setup;

namespace ACCOffload.Cluster.Tests.Suite;

/// <summary>Kubernetes' own tests of its network (sig-network).</summary>
public sealed class SuiteTests(RealCluster cluster, ITestOutputHelper output) : ClusterTest(cluster, output)
{
    private const string Conformance = @"\[Conformance\]";

    private static readonly string Focus = Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_SUITE_FOCUS") is { Length: > 0 } focus
        ? focus
        : @"\[sig-network\]";

    [Fact]
    public Task Conformance_tests_pass() =>
        RunAsync("conformance", name => Regex.IsMatch(name, Conformance), $"{Focus}.*{Conformance}", []);

    [Fact]
    public Task Other_tests_that_can_run_pass() => RunAsync("others", name => !Regex.IsMatch(name, Conformance), Focus, [Conformance]);

    private async Task RunAsync(string part, Func<string, bool> belongs, string focus, IReadOnlyList<string> skip)
    {
        var exclusions = Exclusions.Read(File("cannot-run.txt"));
        var mustPass = System.IO.File.ReadLines(File("must-pass.txt")).Where(l => l.Length > 0 && l[0] != '#').ToHashSet();
        var folder = Cluster.LogFolder($"suite-{part}");
        var all = await SuiteRun.ListAsync(Cluster, focus, folder);
        var excluded = all.Where(t => belongs(t.Name)).Select(t => (t.Name, Reason: exclusions.ReasonFor(t.Name)))
            .Where(t => t.Reason is not null).Select(t => (t.Name, t.Reason!)).ToList();
        // The suite takes this address for the Internet.
        await using var far = LoggedProcess.Start(Cluster.Network.OutsideNamespace, Path.Combine(folder, "far.log"),
            KubernetesFolder.Program("agnhost"), "netexec", "--http-port=53", "--udp-port=-1");
        var ran = await SuiteRun.RunAsync(Cluster, focus, [.. skip, .. exclusions.Patterns], folder);

        var table = SuiteTable.Format(ran, excluded, mustPass);
        Output.WriteLine(table);
        await System.IO.File.WriteAllTextAsync(Path.Combine(folder, "table.txt"), table);
        var wanted = mustPass.Where(name => belongs(name) && Regex.IsMatch(name, focus)).ToHashSet();
        var passed = ran.Where(t => t.State == "passed").Select(t => t.Name).ToHashSet();
        Assert.True(wanted.IsSubsetOf(passed), $"did not pass, log in {folder}:\n{string.Join('\n', wanted.Except(passed).Order())}");
    }

    private static string File(string name) => Repository.At($"tests/Cluster.Tests/Suite/{name}");
}
