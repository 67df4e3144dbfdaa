using System.Text.Json.Nodes;
using ACCOffload.Cluster.Tests.Setup;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Suite;

/// <summary>Runs e2e.test, Kubernetes' own suite.</summary>
internal static class SuiteRun
{
    private const int Processes = 3;

    // The suite has a limit for each of its tests. This is one for all of them.
    private static readonly TimeSpan Limit = TimeSpan.FromHours(3);

    /// <summary>The tests whose names match <paramref name="focus"/>, without running them.</summary>
    public static Task<IReadOnlyList<SuiteTest>> ListAsync(RealCluster cluster, string focus, string folder) =>
        RunAsync(cluster, folder, "--dry-run", $"--focus={focus}");

    /// <summary>Runs the tests whose names match <paramref name="focus"/> and none of <paramref name="skip"/>.</summary>
    public static Task<IReadOnlyList<SuiteTest>> RunAsync(RealCluster cluster, string focus, IEnumerable<string> skip, string folder) =>
        RunAsync(cluster, folder, [$"--procs={Processes}", $"--focus={focus}", .. skip.Select(s => $"--skip={s}")]);

    private static async Task<IReadOnlyList<SuiteTest>> RunAsync(RealCluster cluster, string folder, params string[] options)
    {
        var report = Path.Combine(folder, "report.json");
        File.Delete(report);
        // The suite writes to the kubeconfig's folder, and looks for kubectl on PATH.
        var kubeconfig = Path.Combine(folder, "kubeconfig");
        File.Copy(cluster.Kubeconfig, kubeconfig, overwrite: true);
        try
        {
            // A failed test fails the run as well, so the report says more than the exit code.
            var run = await Shell.RunAsync(cluster.Network.ControlNamespace, "sh",
                ["-c", "exec \"$@\" >\"$0\" 2>&1", Path.Combine(folder, "log"), KubernetesFolder.Program("ginkgo"), "run", "--no-color",
                    "--json-report=report.json", $"--output-dir={folder}", $"--timeout={Limit.TotalHours}h", .. options,
                    KubernetesFolder.Program("e2e.test"), "--", $"--kubeconfig={kubeconfig}", "--provider=skeleton",
                    $"--num-nodes={RealCluster.FirstNodes}", "--node-os-distro=debian", "--dns-domain=cluster.local",
                    "--allowed-not-ready-nodes=0", $"--report-dir={folder}"],
                environment: new Dictionary<string, string>
                {
                    ["PATH"] = $"{Path.Combine(KubernetesFolder.Root, "bin")}:{Environment.GetEnvironmentVariable("PATH")}",
                    ["HOME"] = folder,
                },
                limit: Limit);
            return File.Exists(report)
                ? Read(report)
                : throw new InvalidOperationException($"the suite exited with {run.ExitCode} and made no report; its log is {folder}/log");
        }
        finally
        {
            File.Delete(kubeconfig);
        }
    }

    private static List<SuiteTest> Read(string report) =>
    [
        .. JsonNode.Parse(File.ReadAllText(report))!.AsArray()
            .SelectMany(suite => suite!["SpecReports"]!.AsArray())
            .Where(spec => (string)spec!["LeafNodeType"]! == "It" && IsSelected(spec))
            .Select(spec => new SuiteTest(NameOf(spec!), (string)spec!["State"]!, (double)spec["RunTime"]! / 1e9,
                (string?)spec["Failure"]?["Message"] ?? ""))
            .OrderBy(test => test.Name, StringComparer.Ordinal),
    ];

    // Tests that the focus excludes are reported as skipped, without a reason.
    private static bool IsSelected(JsonNode spec) =>
        (string)spec["State"]! is not ("skipped" or "pending") || (string?)spec["Failure"]?["Message"] is { Length: > 0 };

    private static string NameOf(JsonNode spec) =>
        string.Join(' ', spec["ContainerHierarchyTexts"]!.AsArray().Select(t => (string)t!).Append((string)spec["LeafNodeText"]!));
}
