using System.Text;
using ACCOffload.TestKit.Labs;
using Grpc.Core;

namespace ACCOffload.Runtime.Tests.Cri;

/// <summary>containerd runs pods with the plugin, driven through the CRI as by kubelet.</summary>
public sealed class PodSandboxTests
{
    private const int Pods = 20;

    [Fact]
    public async Task Twenty_concurrent_pods_reach_each_other_and_leave_nothing()
    {
        Needs.Lab();
        Needs.NotMissing(Programs.Missing);
        await using var lab = await Lab.StartAsync();
        await using var containerd = await Containerd.StartAsync(lab);
        Assert.Equal("containerd", (await containerd.Cri.VersionAsync()).RuntimeName);
        var before = await LabState.TakeAsync(lab);

        var pods = await Task.WhenAll(Enumerable.Range(1, Pods).Select(i => RunPodAsync(containerd, $"pod-{i}")));

        Assert.Equal(Pods, pods.Select(pod => pod.Address).Distinct().Count());
        Assert.All(pods, pod => Assert.StartsWith("10.244.1.", pod.Address, StringComparison.Ordinal));
        await EndpointsMatchAsync(lab, pods);
        Assert.Equal(Pods, Directory.GetFiles(containerd.NamespaceFolder).Length);

        // Every pod asks every pod, and each response must come from the pod with that address.
        var failures = await Task.WhenAll(pods.Select(pod => AskAllAsync(containerd.Cri, pod, pods)));
        Assert.True(failures.All(text => text.Length == 0), string.Join('\n', failures.Where(text => text.Length > 0)));
        foreach (var pod in pods)
        {
            Assert.True(await Lab.PingAsync(lab.HostNamespace, pod.Address), $"the host does not reach {pod.Name}");
        }

        await Task.WhenAll(pods.Select(pod => containerd.Cri.RemoveSandboxAsync(pod.Sandbox)));

        Assert.Equal(before, await LabState.TakeAsync(lab));
        Assert.Empty(await containerd.Cri.SandboxesAsync());
        Assert.Empty(Directory.GetFiles(containerd.NamespaceFolder));
        await Eventually.TrueAsync(() => Task.FromResult(containerd.Shims().Count == 0), "all processes of the pods exit");
        // Released resources can be used again.
        var next = await RunPodAsync(containerd, "next");
        Assert.Equal(string.Empty, await AskAllAsync(containerd.Cri, next, [next]));
        await containerd.Cri.RemoveSandboxAsync(next.Sandbox);
        Assert.Equal(before, await LabState.TakeAsync(lab));
    }

    [Fact]
    public async Task Traffic_is_not_interrupted_while_other_pods_come_and_go()
    {
        Needs.Lab();
        Needs.NotMissing(Programs.Missing);
        await using var lab = await Lab.StartAsync();
        await using var containerd = await Containerd.StartAsync(lab);
        var (a, b) = (await RunPodAsync(containerd, "a"), await RunPodAsync(containerd, "b"));
        var before = await LabState.TakeAsync(lab);

        var talk = containerd.Cri.ShellAsync(a.Container, $"ping -q -i 0.05 -c 100 -W 2 {b.Address}");
        for (var round = 0; round < 2; round++)
        {
            var others = await Task.WhenAll(Enumerable.Range(1, 3).Select(i => RunPodAsync(containerd, $"round-{round}-{i}")));
            await Task.WhenAll(others.Select(pod => containerd.Cri.RemoveSandboxAsync(pod.Sandbox)));
        }

        var (exitCode, output) = await talk;
        Assert.True(exitCode == 0 && output.Contains(" 0% packet loss", StringComparison.Ordinal), output);
        Assert.Equal(before, await LabState.TakeAsync(lab));
    }

    [Fact]
    public async Task Without_the_ACC_pods_fail_to_start_with_a_reason_but_can_be_stopped()
    {
        Needs.Lab();
        Needs.NotMissing(Programs.Missing);
        await using var lab = await Lab.StartAsync(new LabOptions { SeparateTarget = true });
        await using var containerd = await Containerd.StartAsync(lab);
        var empty = await LabState.TakeAsync(lab);
        var stays = await RunPodAsync(containerd, "stays");
        var with = await LabState.TakeAsync(lab);
        var goes = await RunPodAsync(containerd, "goes");

        await lab.KillManagerAsync();
        var refused = await Assert.ThrowsAsync<RpcException>(() => containerd.Cri.RunSandboxAsync("early"));
        Assert.Contains("ACC", refused.Status.Detail, StringComparison.Ordinal);
        await containerd.Cri.RemoveSandboxAsync(goes.Sandbox);
        Assert.True(await Lab.PingAsync(lab.HostNamespace, stays.Address), "the pod does not answer any more");

        await lab.StartManagerAsync();
        await Eventually.TrueAsync(
            async () => await LabState.TakeAsync(lab) == with,
            () => $"the ACC learns of the removed pods; the agent's log:\n{lab.Agent!.Log}");
        var late = await RunPodAsync(containerd, "late");
        Assert.Equal(string.Empty, await AskAllAsync(containerd.Cri, late, [stays, late]));
        await containerd.Cri.RemoveSandboxAsync(late.Sandbox);
        await containerd.Cri.RemoveSandboxAsync(stays.Sandbox);
        foreach (var sandbox in await containerd.Cri.SandboxesAsync())
        {
            await containerd.Cri.RemoveSandboxAsync(sandbox.Id);
        }

        Assert.Equal(empty, await LabState.TakeAsync(lab));
        Assert.Empty(Directory.GetFiles(containerd.NamespaceFolder));
    }

    [Fact]
    public async Task A_host_port_works_without_portmap_until_the_pod_is_removed()
    {
        Needs.Lab();
        Needs.NotMissing(Programs.Missing);
        await using var lab = await Lab.StartAsync();
        await using var containerd = await Containerd.StartAsync(lab);
        var web = await RunPodAsync(containerd, "web", new PortMapping { HostPort = 18088, ContainerPort = 8080 });
        var client = await RunPodAsync(containerd, "client");

        const string Ask = "wget -q -O - http://192.0.2.2:18088/";
        Assert.Equal((0, "web\n"), await containerd.Cri.ShellAsync(client.Container, Ask));
        var refused = await Assert.ThrowsAsync<RpcException>(
            () => containerd.Cri.RunSandboxAsync("other", new PortMapping { HostPort = 18088, ContainerPort = 80 }));
        Assert.Contains("18088/TCP is already a host port of pod default/web", refused.Status.Detail, StringComparison.Ordinal);

        await containerd.Cri.RemoveSandboxAsync(web.Sandbox);
        Assert.NotEqual(0, (await containerd.Cri.ShellAsync(client.Container, Ask)).ExitCode);
        Assert.Empty((await lab.ControlAsync("services"))["services"]!.AsArray());
    }

    private static async Task<RunningPod> RunPodAsync(Containerd containerd, string name, params PortMapping[] ports)
    {
        try
        {
            var sandbox = await containerd.Cri.RunSandboxAsync(name, ports);
            var status = await containerd.Cri.SandboxStatusAsync(sandbox);
            Assert.Equal(PodSandboxState.SandboxReady, status.State);
            var container = await containerd.Cri.RunContainerAsync(
                sandbox, name, "/bin/sh", "-c", $"echo {name} > /www/index.html && exec httpd -f -p 8080 -h /www");
            return new RunningPod(name, sandbox, container, status.Network.Ip);
        }
        catch (RpcException e)
        {
            throw new InvalidOperationException($"pod {name}: {e.Status.Detail}\n{containerd.Log}", e);
        }
    }

    /// <summary>Pings every pod and fetches its page over TCP. Returns the failures.</summary>
    private static async Task<string> AskAllAsync(CriClient cri, RunningPod from, IReadOnlyList<RunningPod> pods)
    {
        var script = new StringBuilder("""
            ask() {
                ping -q -c 1 -W 5 $2 > /dev/null || echo "no ping to $1 $2"
                name=$(wget -q -O - http://$2:8080/) || name="nothing"
                [ "$name" = "$1" ] || echo "$2 should be $1 and answers $name"
            }

            """);
        foreach (var pod in pods)
        {
            script.Append("ask ").Append(pod.Name).Append(' ').Append(pod.Address).Append('\n');
        }

        var (exitCode, output) = await cri.ShellAsync(from.Container, script.ToString());
        return exitCode == 0 && output.Length == 0 ? string.Empty : $"{from.Name} {from.Address}, exit code {exitCode}: {output}";
    }

    private static async Task EndpointsMatchAsync(Lab lab, IReadOnlyList<RunningPod> pods)
    {
        var endpoints = await LabState.EndpointsAsync(lab);
        foreach (var pod in pods)
        {
            var endpoint = Assert.Single(endpoints, e => (string?)e["containerId"] == pod.Sandbox);
            Assert.Equal(pod.Address, (string?)endpoint["addresses"]![0]);
            Assert.Equal(pod.Name, (string?)endpoint["podName"]);
        }
    }

    private sealed record RunningPod(string Name, string Sandbox, string Container, string Address);
}
