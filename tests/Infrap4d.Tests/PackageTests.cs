using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Targets;

namespace ACCOffload.Infrap4d.Tests;

/// <summary>
/// The product with release 24.01's own package on a real infrap4d for P4-DPDK, in the network namespace of InfraManager and its ARP
/// proxy.
/// </summary>
public sealed class PackageTests
{
    private const string Service = "10.96.0.10:80";

    [Fact]
    public async Task Pods_and_a_service_survive_restarts_of_both_sides()
    {
        Needs.Lab();
        Needs.Tap();
        Needs.NotMissing(Infrap4dPackage.Missing);
        await using var target = new RealNodeTarget(sharesNamespace: true);
        await using var node = await Infrap4dNode.StartAsync(target, Infrap4dPackage.Folder);
        var pods = new List<Pod>();
        foreach (var name in new[] { "client", "one", "two" })
        {
            pods.Add(await node.Lab.AddPodAsync(name));
        }

        var (client, one, two) = (pods[0], pods[1], pods[2]);
        await using var first = new NamedServer(one.Namespace, "one");
        await using var second = new NamedServer(two.Namespace, "two");
        await node.ReachableAsync([.. pods]);
        Assert.True((await node.Lab.ControlAsync("counters"))["counters"]!.AsArray().Any(c => (string?)c!["counter"] == "arp_proxy"
            && (string?)c["label"] == "answered" && (long)c["packets"]! > 0), "InfraManager answered no ARP request");

        await node.SetServiceAsync(one, two);
        await AnsweredByAsync(client, "one", "two");
        await node.SetServiceAsync(one);
        await AnsweredByAsync(client, "one");
        Assert.True((bool?)(await node.Lab.ControlAsync("status"))["reconciled"],
            "a member that the target can't delete counts as pending");

        await node.Lab.StopManagerAsync();
        await node.Lab.StartManagerAsync();
        await node.ReachableAsync([.. pods]);
        var status = await node.Lab.ControlAsync("status");
        Assert.Equal((0, 0, 0), ((int)status["reconcileInserted"]!, (int)status["reconcileModified"]!, (int)status["reconcileDeleted"]!));
        await node.SetServiceAsync(one, two);
        await AnsweredByAsync(client, "one", "two");

        await target.KillAsync();
        await Eventually.TrueAsync(async () => (bool?)(await node.Lab.ControlAsync("status"))["canAttach"] == false,
            "the status says that the target is unavailable");
        await target.StartAsync();
        await node.Lab.WaitHostInterfaceAsync();
        await node.ReachableAsync([.. pods]);
        await AnsweredByAsync(client, "one", "two");

        await node.Lab.KillManagerAsync();
        await target.KillAsync();
        await target.StartAsync();
        await node.Lab.StartManagerAsync();
        await node.ReachableAsync([.. pods]);
        await node.SetServiceAsync(two);
        await AnsweredByAsync(client, "two");

        await node.Lab.ControlAsync("service-remove", "web");
        Assert.Null(await NamedServer.AskAsync(client.Namespace, Service));
        await node.Lab.DeletePodAsync(two);
        await node.ReachableAsync(client, one);
    }

    /// <summary>Checks without waiting that connections are answered by exactly these servers.</summary>
    private static async Task AnsweredByAsync(Pod client, params string[] names)
    {
        var seen = new List<string?>();
        for (var i = 0; i < 16; i++)
        {
            seen.Add(await NamedServer.AskAsync(client.Namespace, Service));
        }

        Assert.Equal(names.Order(), seen.Select(s => s ?? "nobody").Distinct().Order());
    }
}
