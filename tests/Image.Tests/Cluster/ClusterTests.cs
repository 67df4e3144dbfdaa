using ACCOffload.Image.Tests.Packages;
using ACCOffload.TestKit.Machines;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Cluster;

/// <summary>
/// rootfs/cluster: cluster-up turns a bare machine into a running node with pods, and cluster-down restores the previous state.
/// </summary>
[Collection(PackagesCollection.Name)]
public sealed class ClusterTests(BuiltPackages packages, ITestOutputHelper output)
{
    private static readonly string[] Steps = ["prerequisites", "packages", "certificates", "cluster", "acc", "host", "network", "example"];

    [Fact]
    public async Task Cluster_up_is_idempotent_and_cluster_down_restores_the_machine()
    {
        Needs.NotMissing(BootedMachine.Missing);
        await using var node = await ClusterNode.StartAsync(packages);
        var before = await node.ListAsync();

        var dry = (await node.UpAsync("--dry-run")).MustSucceed();
        Assert.Contains("nothing was changed", dry.Output);
        Assert.Empty(CleanRoot.Changes(before, await node.ListAsync()));
        Assert.False(Directory.Exists(node.State));

        var up = (await node.UpAsync("HEALTH_CHECK_ADDRESS=127.0.0.1")).MustSucceed();
        output.WriteLine(up.Output);
        Assert.Equal(Steps, Outcomes(up).Keys);
        Assert.All(Outcomes(up).Values, outcome => Assert.Equal("done", outcome));
        Assert.Contains("4 pods, all of them in the pipeline", up.Output);
        Assert.Contains("\"HealthCheckAddress\": \"127.0.0.1\"",
            await node.Machine.OutputAsync("cat", "/etc/accoffload/inframanager.json"));
        // The watch with the account's token finds the cluster's service; the pods reach each other.
        await Eventually.TrueAsync(async () => (int?)(await node.StatusAsync())?["services"] == 1, "InfraManager knows the service",
            seconds: 60);
        await PingAsync(node);
        // The host reaches services, too.
        await Eventually.TrueAsync(
            async () => (await RouteAsync("10.96.0.10")).Contains("dev accoffload0", StringComparison.Ordinal)
                && (await RouteAsync(ClusterNode.NodeAddress, "ipproto", "tcp", "dport", "30080"))
                    .Contains("dev accoffload0", StringComparison.Ordinal),
            "the host's traffic to services and node ports goes through the pipeline");
        var installed = CleanRoot.Changes(before, await node.ListAsync());
        Assert.Contains(installed, change => change.StartsWith("+ /opt/cni/bin/accoffload ", StringComparison.Ordinal));
        output.WriteLine($"changes made by cluster-up:\n{string.Join('\n', installed)}\n");
        // Keys are readable only by their owners.
        Assert.All(installed.Where(change => change.Contains("/tls.key ", StringComparison.Ordinal)),
            change => Assert.Contains(" f 600 ", change));

        // A second run installs, restarts and issues nothing.
        var processes = await ProcessesAsync(node);
        var again = (await node.UpAsync()).MustSucceed();
        Assert.DoesNotContain("started", again.Output);
        Assert.Contains("ACC: its certificate is still valid", again.Output);
        Assert.Contains("HOST: its certificate is still valid", again.Output);
        Assert.Equal(processes, await ProcessesAsync(node));
        await PingAsync(node);

        var down = (await node.DownAsync()).MustSucceed();
        output.WriteLine(down.Output);
        await AssertRestoredAsync(node, before);
        Assert.False(Directory.Exists(node.State));
        Assert.Contains("nothing to do", (await node.DownAsync()).MustSucceed().Output);

        // Without a route the machine has none at all, and the command fails.
        async Task<string> RouteAsync(params string[] to) => (await node.Machine.RunAsync(["ip", "route", "get", .. to])).Output;
    }

    [Fact]
    public async Task A_run_that_fails_at_any_step_reports_it_and_the_next_run_continues()
    {
        Needs.NotMissing(BootedMachine.Missing);
        await using var node = await ClusterNode.StartAsync(packages);
        var before = await node.ListAsync();
        foreach (var step in Steps)
        {
            await AssertFailsAsync(node, step, 1, "before", () => node.UpAsync());
            await AssertFailsAsync(node, step, 2, "after", () => node.UpAsync(), mayHaveLess: true);
        }
        (await node.UpAsync()).MustSucceed();
        await PingAsync(node);
        foreach (var (step, call, when) in new[]
                 {
                     ("example", 1, "before"), ("example", 1, "after"), ("network", 1, "before"), ("network", 2, "after"),
                     ("host", 1, "before"), ("host", 1, "after"),
                     ("acc", 1, "before"), ("acc", 1, "after"), ("cluster", 1, "after"),
                 })
        {
            await AssertFailsAsync(node, step, call, when, () => node.DownAsync());
        }

        (await node.DownAsync()).MustSucceed();
        await AssertRestoredAsync(node, before);

        // cluster-down after a partial run removes everything.
        foreach (var (step, call) in new[] { ("packages", 2), ("certificates", 3), ("acc", 4), ("host", 3) })
        {
            node.InjectFault(step, call, "after");
            Assert.Contains($"step '{step}' failed", (await node.UpAsync()).Error);
            (await node.DownAsync()).MustSucceed();
            await AssertRestoredAsync(node, before);
        }
    }

    [Fact]
    public async Task Existing_files_are_kept_and_wrong_parameters_are_reported()
    {
        Needs.NotMissing(BootedMachine.Missing);
        await using var node = await ClusterNode.StartAsync(packages);
        var wrong = await node.UpAsync("PACKAGES=/nonexistent", "API_SERVER=");
        Assert.Equal(1, wrong.ExitCode);
        Assert.Contains("POD_RANGE is not given", wrong.Error);
        Assert.Contains("run 'make package RIDS=", wrong.Error);
        Assert.Contains("POD_RANGE=10.244.1.0: give a range", (await node.UpAsync("POD_RANGE=10.244.1.0")).Error);
        Assert.Contains("no such parameter", (await node.UpAsync("POD_RAGNE=10.244.1.0/24")).Error);

        // host-stub and a configuration were installed before.
        await Shell.RunAsync(null, "tar", ["-C", node.Machine.At("root"), "-xzf", packages.File("accoffload-host-stub-*.tar.gz")])
            .Succeeded();
        await node.Machine.OutputAsync("sh", "-c", "/root/accoffload-host-stub-*/install && rm -r /root/accoffload-host-stub-*");
        await node.Machine.WriteAsync("/etc/cni/net.d/10-accoffload.conflist", "{ \"ours\": true }\n");
        var before = await node.ListAsync();
        (await node.UpAsync()).MustSucceed();

        // cluster-down refuses to remove the network of other pods.
        await node.Machine.OutputAsync("ip", "netns", "add", "other");
        await CniAsync(node, "ADD");
        var refused = await node.DownAsync();
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("pods still have the network", refused.Error);
        // A drain still works: without a network configuration the runtime would refuse to remove the pod.
        Assert.Contains("podnet", await node.Machine.OutputAsync("cat", "/etc/cni/net.d/10-accoffload.conflist"));
        node.RegisterPod("other");
        var forced = (await node.DownAsync("FORCE=1")).MustSucceed();
        Assert.Contains("node/node-1 drained", forced.Output);
        Assert.Contains("no pod has the network", forced.Output);
        Assert.DoesNotContain("except", forced.Output);
        Assert.Contains("node/node-1 uncordoned", forced.Output);
        await AssertRestoredAsync(node, before);
    }

    [Fact]
    public async Task Cluster_up_works_on_the_node_itself_without_a_cluster()
    {
        Needs.NotMissing(BootedMachine.Missing);
        await using var node = await ClusterNode.StartAsync(packages);
        await node.CopyRepositoryAsync();
        // A custom configuration also gets the capabilities of the embedded target.
        await node.Machine.WriteAsync("/root/acc.json", """
            {
              "Node": { "Name": "node-1", "PodRanges": ["10.244.1.0/24"], "HostAddresses": ["200.1.1.2"] },
              "SoftTarget": { "PortNamespace": "/run/netns/accoffload-dp" }
            }
            """);
        var before = await node.ListAsync();
        var up = (await node.RunInMachineAsync(
            "cluster-up", "POD_RANGE=10.244.1.0/24", "LOG_NAMESPACE=", "PLUGIN_DIR=/opt/other/bin",
            "ACC_CONFIG=/root/acc.json")).MustSucceed();
        Assert.Equal(["cluster", "example"], Outcomes(up).Where(step => step.Value == "skipped").Select(step => step.Key));
        Assert.Equal("/usr/lib/accoffload/host-stub/host-stub", await node.Machine.OutputAsync("readlink", "/opt/other/bin/accoffload"));
        await node.Machine.OutputAsync("ip", "netns", "add", "other");
        await CniAsync(node, "ADD");
        await CniAsync(node, "DEL");
        await node.Machine.OutputAsync("ip", "netns", "delete", "other");
        (await node.RunInMachineAsync("cluster-down")).MustSucceed();
        await AssertRestoredAsync(node, before);
    }

    [Fact]
    public async Task Cluster_up_works_with_an_ACC_provisioned_otherwise()
    {
        Needs.NotMissing(BootedMachine.Missing);
        await using var node = await ClusterNode.StartAsync(packages);
        var wrong = await node.UpAsync("ACC=none");
        Assert.Equal(1, wrong.ExitCode);
        Assert.Contains("give PKI=", wrong.Error);

        var authority = await node.ProvisionAccAsync();
        var before = await node.ListAsync();
        var up = (await node.UpAsync("ACC=none", $"PKI={authority}")).MustSucceed();
        output.WriteLine(up.Output);
        Assert.Equal(["cluster", "acc"], Outcomes(up).Where(step => step.Value == "skipped").Select(step => step.Key));
        Assert.Contains("4 pods, all of them in the pipeline", up.Output);
        await PingAsync(node);
        var down = (await node.DownAsync()).MustSucceed();
        Assert.Contains("the ACC has forgotten the host's interface", down.Output);
        // The ACC keeps running with its own database.
        Assert.Equal(0, (int)(await node.StatusAsync())!["endpoints"]!);
        await AssertRestoredAsync(node, before, except: "/var/lib/accoffload/");
        Assert.True(File.Exists(Path.Combine(authority, "ca.key")));
    }

    private static Dictionary<string, string> Outcomes(ShellResult run) =>
        run.Output.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Where(words => words.Length == 4 && words[3] == "s").ToDictionary(words => words[0], words => words[1]);

    private static async Task AssertFailsAsync(ClusterNode node, string step, int call, string when, Func<Task<ShellResult>> run,
        bool mayHaveLess = false)
    {
        node.InjectFault(step, call, when);
        var broken = await run();
        if (mayHaveLess && node.FaultUnused)
        {
            return;
        }

        Assert.True(broken.ExitCode == 1, $"{step} {call} {when}: {broken.Output}{broken.Error}");
        Assert.Contains($"step '{step}' failed", broken.Error);
        Assert.Equal("FAILED", Outcomes(broken).Last().Value);
    }

    private static async Task PingAsync(ClusterNode node)
    {
        var run =
            await node.Machine.RunAsync(
                ["sh", "-c",
                    "target=$(ip -n web-4 -4 -o address show eth0 | awk '{ print $4 }'); ip netns exec web-1 ping -n -c 3 -i 0.2 -W 5 "
                    + "${target%/*}"]);
        Assert.True(run.ExitCode == 0 && run.Output.Contains("3 received", StringComparison.Ordinal), run.Output + run.Error);
    }

    private static Task<string> ProcessesAsync(ClusterNode node) =>
        node.Machine.OutputAsync("pgrep", "--full", "(inframanager run|host-stub agent)");

    private static async Task CniAsync(ClusterNode node, string command) => (await node.Machine.RunAsync(
        ["env", $"CNI_COMMAND={command}", "CNI_CONTAINERID=other", "CNI_NETNS=/run/netns/other", "CNI_IFNAME=eth0",
            "CNI_PATH=/opt/cni/bin:/usr/lib/cni", "/opt/cni/bin/accoffload"],
        """{ "cniVersion": "1.0.0", "name": "podnet", "type": "accoffload", "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.244.1.0/24" }]] } }""")).MustSucceed();

    private async Task AssertRestoredAsync(ClusterNode node, SortedDictionary<string, string> before, string? except = null)
    {
        // Interfaces disappear a moment after the processes that held their namespace.
        IReadOnlyList<string> left = [];
        try
        {
            await Eventually.TrueAsync(async () => (left = Changes(await node.ListAsync())).Count == 0, "nothing is left", seconds: 30);
        }
        catch (TimeoutException)
        {
            output.WriteLine($"left:\n{string.Join('\n', left)}");
            Assert.Fail($"left:\n{string.Join('\n', left)}");
        }
        Assert.DoesNotContain(node.KubectlCalls.TakeLast(1), line => line.StartsWith("apply", StringComparison.Ordinal));

        IReadOnlyList<string> Changes(SortedDictionary<string, string> after) =>
            [.. CleanRoot.Changes(before, after)
                .Where(change => except is null || !change.Split(' ')[1].StartsWith(except, StringComparison.Ordinal))];
    }
}
