using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;
using ACCOffload.TestKit.Targets;

namespace ACCOffload.Infrap4d.Tests;

/// <summary>Scenarios of a node on P4-DPDK; each runs on a real target and on the faithful one.</summary>
internal static class Scenarios
{
    /// <summary>Pods are added, reach each other and the host, change their MAC and are removed.</summary>
    public static async Task PodsAsync(NodeTarget target)
    {
        await using var node = await Infrap4dNode.StartAsync(target);
        var a = await node.Lab.AddPodAsync("a");
        var b = await node.Lab.AddPodAsync("b");
        await node.ReachableAsync(a, b);

        // Adds the same container again: with another MAC and perhaps another port.
        (await node.Lab.PluginAsync("DEL", a)).MustSucceed();
        a.Result = JsonNode.Parse((await node.Lab.PluginAsync("ADD", a)).MustSucceed().Output);
        await node.ReachableAsync(a, b);
        (await node.Lab.PluginAsync("CHECK", a)).MustSucceed();

        await node.Lab.DeletePodAsync(a);
        await node.ReachableAsync(b);
        Assert.Equal(6, (await node.Lab.ControlAsync("vports"))["free"]!.AsArray().Count);
        Assert.NotEmpty((await node.Lab.ControlAsync("counters"))["counters"]!.AsArray());
        // infrap4d cannot trace packets; the message explains that to the user.
        var trace = await Shell.RunAsync(null, Published.InfraManager,
            ["ctl", "--socket", node.Lab.ControlSocket, "trace", "--from-pod", b.Name, "--dst", "200.1.1.2"]);
        Assert.NotEqual(0, trace.ExitCode);
        Assert.Contains("target", trace.Error);
    }

    /// <summary>Adds, replaces and removes backends of a service; traffic follows immediately.</summary>
    public static async Task ServiceAsync(NodeTarget target)
    {
        await using var node = await Infrap4dNode.StartAsync(target);
        var pods = new List<Pod>();
        foreach (var name in new[] { "client", "one", "two", "three" })
        {
            pods.Add(await node.Lab.AddPodAsync(name));
        }

        var (client, one, two, three) = (pods[0], pods[1], pods[2], pods[3]);
        await using var first = new NamedServer(one.Namespace, "one");
        await using var second = new NamedServer(two.Namespace, "two");
        await using var third = new NamedServer(three.Namespace, "three");
        await node.ReachableAsync([.. pods]);

        await node.SetServiceAsync(one);
        await AnsweredByAsync(node, client, "one");
        await node.SetServiceAsync(one, two);
        await AnsweredByAsync(node, client, "one", "two");
        await node.SetServiceAsync(three);
        await AnsweredByAsync(node, client, "three");

        await node.SetServiceAsync();
        Assert.True(!target.ForwardsPackets || await NamedServer.IsRefusedAsync(client.Namespace, "10.96.0.10:80"),
            "a service without backends did not refuse the connection");

        await node.Lab.ControlAsync("service-remove", "web");
        await AnsweredByAsync(node, client);
        Assert.Equal(0, await node.RowsAsync("services", "balance"));
        await node.ReachableAsync([.. pods]);
        // Rows that existing flows need are kept until the backends are deleted.
        foreach (var pod in pods.Skip(1))
        {
            await node.Lab.DeletePodAsync(pod);
        }

        foreach (var table in new[] { "services", "frontends", "backends", "buckets", "endpoints" })
        {
            Assert.Equal(0, await node.RowsAsync(table));
        }
    }

    /// <summary>Restarts InfraManager: nothing changes and nothing is pushed.</summary>
    public static async Task ManagerRestartAsync(NodeTarget target)
    {
        await using var node = await Infrap4dNode.StartAsync(target);
        var (a, b) = await TwoPodsWithServiceAsync(node);
        await node.Lab.StopManagerAsync();
        await node.Lab.StartManagerAsync();
        await node.ReachableAsync(a, b);
        var status = await node.Lab.ControlAsync("status");
        Assert.Equal((0, 0, 0), ((int)status["reconcileInserted"]!, (int)status["reconcileModified"]!, (int)status["reconcileDeleted"]!));
    }

    /// <summary>Kills InfraManager repeatedly while pods and services change: every acknowledged change is kept.</summary>
    public static async Task ManagerKilledAsync(NodeTarget target)
    {
        await using var node = await Infrap4dNode.StartAsync(target);
        var (a, b) = await TwoPodsWithServiceAsync(node);
        for (var round = 0; round < 3; round++)
        {
            var changes = Enumerable.Range(0, 6).Select(i => TrySetAsync(node, i % 2 == 0 ? a : b)).ToList();
            var pod = new Pod($"p{round}", await node.Lab.AddNamespaceAsync($"p{round}"), $"container-{round}");
            var adding = node.Lab.PluginAsync("ADD", pod);
            await changes[round];
            await node.Lab.KillManagerAsync();
            await Task.WhenAll(changes);
            await node.Lab.StartManagerAsync();
            pod.Result = (await adding) is { ExitCode: 0 } added
                ? JsonNode.Parse(added.Output)
                : JsonNode.Parse((await AddAgainAsync(node, pod)).Output);
            await node.ReachableAsync(a, b, pod);
            await node.Lab.DeletePodAsync(pod);
        }

        await node.SetServiceAsync(b);
        Assert.Equal(1, await node.RowsAsync("frontends"));
    }

    /// <summary>The target dies and restarts: the status reports it, and everything is restored without manual action.</summary>
    public static async Task TargetRestartAsync(NodeTarget target)
    {
        await using var node = await Infrap4dNode.StartAsync(target);
        var (a, b) = await TwoPodsWithServiceAsync(node);
        await target.KillAsync();
        await Eventually.TrueAsync(async () => (bool?)(await node.Lab.ControlAsync("status"))["canAttach"] == false,
            "the status says that the target is unavailable");
        var refused = await node.Lab.PluginAsync("ADD", new Pod("c", await node.Lab.AddNamespaceAsync("c"), "container-c"));
        Assert.Equal(11, (int?)JsonNode.Parse(refused.Output)!["code"]);

        await target.StartAsync();
        await node.ReachableAsync(a, b);
        await node.Lab.WaitHostInterfaceAsync();
        Assert.Equal(1, await node.RowsAsync("frontends"));
    }

    /// <summary>The target dies and restarts while InfraManager is down.</summary>
    public static async Task TargetRestartWhileDownAsync(NodeTarget target)
    {
        await using var node = await Infrap4dNode.StartAsync(target);
        var (a, b) = await TwoPodsWithServiceAsync(node);
        await node.Lab.KillManagerAsync();
        await target.KillAsync();
        await target.StartAsync();
        await node.Lab.StartManagerAsync();
        await node.ReachableAsync(a, b);
        Assert.Equal(1, await node.RowsAsync("frontends"));
    }

    /// <summary>
    /// Others create the TAPs one by one: the pipeline is pushed once all of them exist, at the start and after the target was restarted.
    /// </summary>
    public static async Task TapsOfOthersAsync(NodeTarget target)
    {
        // On the real target at the interval of its own scripts.
        var interval = TimeSpan.FromSeconds(target.ForwardsPackets ? 3 : 0.3);
        await using var node = await Infrap4dNode.StartAsync(target, tapInterval: interval);
        var (a, b) = await TwoPodsWithServiceAsync(node);
        await target.KillAsync();
        await target.StartAsync();
        await node.MakeTapsAsync(interval);
        await node.ReachableAsync(a, b);
        Assert.Equal(1, await node.RowsAsync("frontends"));
    }

    private static async Task<(Pod A, Pod B)> TwoPodsWithServiceAsync(Infrap4dNode node)
    {
        var a = await node.Lab.AddPodAsync("a");
        var b = await node.Lab.AddPodAsync("b");
        await node.SetServiceAsync(a);
        await node.ReachableAsync(a, b);
        return (a, b);
    }

    private static async Task TrySetAsync(Infrap4dNode node, Pod backend)
    {
        try
        {
            await node.SetServiceAsync(backend);
        }
        catch (InvalidOperationException)
        {
            // InfraManager was killed before it responded.
        }
    }

    private static async Task<ShellResult> AddAgainAsync(Infrap4dNode node, Pod pod)
    {
        ShellResult? result = null;
        await Eventually.TrueAsync(async () => (result = await node.Lab.PluginAsync("ADD", pod)).ExitCode == 0,
            () => $"the pod is added again: {result?.Output}");
        return result!;
    }

    /// <summary>Checks without waiting that connections are answered by exactly these servers; without names, by none.</summary>
    private static async Task AnsweredByAsync(Infrap4dNode node, Pod client, params string[] names)
    {
        if (!node.Target.ForwardsPackets)
        {
            // Draining backends remain for their existing flows.
            Assert.Equal(names.Length, await node.RowsAsync("backends", "to_backend"));
            return;
        }

        var seen = new HashSet<string>();
        for (var i = 0; i < (names.Length == 0 ? 1 : 16); i++)
        {
            if (await NamedServer.AskAsync(client.Namespace, "10.96.0.10:80") is { } name)
            {
                seen.Add(name);
            }
            else
            {
                Assert.Empty(names);
            }
        }

        Assert.Equal(names.Order(), seen.Order());
    }
}
