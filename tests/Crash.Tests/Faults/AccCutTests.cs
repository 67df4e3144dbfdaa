using System.Text.Json.Nodes;
using ACCOffload.Crash.Tests.Pods;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Crash.Tests.Faults;

/// <summary>The link between host and ACC goes down silently and comes back.</summary>
public sealed class AccCutTests
{
    [Fact]
    public async Task Without_the_ACC_pods_can_be_deleted_but_not_added()
    {
        Needs.Lab();
        await using var node = await PodNode.StartAsync(16);
        var lab = node.Lab;
        var runtime = new FakeRuntime(lab);
        var leaving = await runtime.AddAsync(node.Namespaces[0]);
        var kept = await runtime.AddAsync(node.Namespaces[1]);

        // During a burst of ADDs. The runtime gives up on a sandbox after the first failure.
        var burst = node.Namespaces.Skip(2).Select((netns, i) => new Pod($"burst-{i}", netns, $"burst-{i}")).ToList();
        var adding = burst.Select(async pod => (Pod: pod, Result: await lab.PluginAsync("ADD", pod))).ToList();
        await Task.WhenAny(adding);
        await Shell.RunLineAsync(lab.AccNamespace, "ip link set mgmt down").Succeeded();
        var added = await Task.WhenAll(adding);
        var attached = new List<Pod> { kept };
        foreach (var (pod, result) in added)
        {
            if (result.ExitCode == 0)
            {
                pod.Result = JsonNode.Parse(result.Output)!;
                attached.Add(pod);
                continue;
            }

            AssertTryAgainLater(result);
            Assert.Equal(0, (await lab.PluginAsync("DEL", pod)).ExitCode);
        }

        // Everything that does not need the ACC works; ADD reports the problem well before the runtime's timeout.
        Assert.True(
            await Lab.PingAsync(kept.Namespace, node.PermanentPods[0].Address),
            "a pod has no connectivity while the link to the ACC is down");
        AssertTryAgainLater(await lab.PluginAsync("ADD", new Pod("late", node.Namespaces[2], "late")));
        Assert.Equal(0, (await lab.PluginAsync("DEL", new Pod("late", node.Namespaces[2], "late"))).ExitCode);
        Assert.Equal(0, (await lab.PluginAsync("DEL", leaving)).ExitCode);
        Assert.Contains(await LabState.EndpointsAsync(lab), e => (string?)e["containerId"] == leaving.ContainerId);

        // After the link returns, the ACC learns of the DEL and pods can be added without manual action.
        await Shell.RunLineAsync(lab.AccNamespace, "ip link set mgmt up").Succeeded();
        attached.Add(await runtime.AddAsync(leaving.Namespace));
        await node.SettledAsync();
        await node.AssertExactlyAsync(attached);
        foreach (var pod in attached)
        {
            await runtime.DeleteAsync(pod);
        }

        await node.SettledAsync();
        await node.AssertExactlyAsync([]);
    }

    private static void AssertTryAgainLater(ShellResult result)
    {
        Assert.NotEqual(0, result.ExitCode);
        var error = JsonNode.Parse(result.Output)!;
        Assert.Equal(11, (int)error["code"]!);
        Assert.Contains("ACC", (string?)error["msg"]);
        Assert.DoesNotContain('\n', (string)error["msg"]!);
    }
}
