using System.Text.Json.Nodes;
using ACCOffload.Crash.Pods;
using ACCOffload.Integration;
using ACCOffload.Integration.Lab;

namespace ACCOffload.Crash.Faults;

/// <summary>The link between host and ACC is cut without a word, and comes back.</summary>
public sealed class AccCutTests
{
    [RootFact]
    public async Task Cut_off_from_the_ACC_pods_can_go_but_not_come()
    {
        await using var node = await PodNode.StartAsync(16);
        var lab = node.Lab;
        var runtime = new RuntimeImitation(lab);
        var leaving = await runtime.AddAsync(node.Namespaces[0]);
        var kept = await runtime.AddAsync(node.Namespaces[1]);

        // In the middle of a burst of ADDs. The runtime gives up on its sandbox after the first failure.
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

            MustSayTryAgain(result);
            Assert.Equal(0, (await lab.PluginAsync("DEL", pod)).ExitCode);
        }

        // Everything that concerns no ACC goes on; ADD says what is wrong well before a runtime loses its patience.
        Assert.True(await Lab.PingAsync(kept.Namespace, node.Stayers[0].Address), "traffic does not need the ACC's port");
        MustSayTryAgain(await lab.PluginAsync("ADD", new Pod("late", node.Namespaces[2], "late")));
        Assert.Equal(0, (await lab.PluginAsync("DEL", new Pod("late", node.Namespaces[2], "late"))).ExitCode);
        Assert.Equal(0, (await lab.PluginAsync("DEL", leaving)).ExitCode);
        Assert.Contains(await Traces.EndpointsAsync(lab), e => (string?)e["containerId"] == leaving.ContainerId);

        // By itself: the ACC is told of the DEL, and pods come again.
        await Shell.RunLineAsync(lab.AccNamespace, "ip link set mgmt up").Succeeded();
        attached.Add(await runtime.AddAsync(leaving.Namespace));
        await node.SettledAsync();
        await node.HoldsExactlyAsync(attached);
        foreach (var pod in attached)
        {
            await runtime.DeleteAsync(pod);
        }

        await node.SettledAsync();
        await node.HoldsExactlyAsync([]);
    }

    private static void MustSayTryAgain(ShellResult result)
    {
        Assert.NotEqual(0, result.ExitCode);
        var error = JsonNode.Parse(result.Output)!;
        Assert.Equal(11, (int)error["code"]!);
        Assert.Contains("ACC", (string?)error["msg"]);
        Assert.DoesNotContain('\n', (string)error["msg"]!);
    }
}
