using System.Net;
using ACCOffload.InfraManager.Cluster.Nodes;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.TestKit.Logging;

namespace ACCOffload.InfraManager.Tests.Kubernetes;

/// <summary>Changes of other nodes that the programmer refuses are submitted again, all of them.</summary>
public sealed class RemoteNodeRetryTests
{
    [Fact]
    public async Task A_refused_list_is_submitted_again_with_what_it_removes()
    {
        var log = new LogCollector();
        var core = new FakeCore { Refusal = IntentException.Unavailable("restarting") };
        using var controller = new RemoteNodeController("node-1", core, TimeProvider.System, log.CreateLogger("Kubernetes"));
        using var stop = new CancellationTokenSource();
        var running = controller.RunAsync(stop.Token);
        string[] names = [.. Enumerable.Range(2, 300).Select(i => $"node-{i}")];
        controller.Replace([.. names.Select((n, i) => Node(n, i))], [new ObjectName("", "unreadable")]);
        await Eventually.TrueAsync(() => controller.Problem == "restarting", () => controller.Problem);
        controller.Remove(new ObjectName("", "node-9"));
        var refused = core.Intents.Count;
        core.Refusal = null;
        await Eventually.TrueAsync(() => controller.Problem.Length == 0, () => controller.Problem);

        // Intents that failed meanwhile were repeated.
        var intents = core.Intents.Skip(refused).Cast<RemoteNodesIntent>().ToList();
        Assert.Equal(names.Order(), intents.SelectMany(i => i.Changes).Select(c => c.Name).Distinct().Order());
        Assert.All(intents.SelectMany(i => i.Changes), c => Assert.Equal(c.Name == "node-9", c.Facts is null));
        Assert.Equal(names.Except(["node-9"]).Append("unreadable").Order(), intents[^1].Names!.Order());
        Assert.All(intents.SkipLast(1), i => Assert.Null(i.Names));
        Assert.Contains(log.Lines, l => l.Contains("The latest routes to other nodes are in effect", StringComparison.Ordinal));
        await stop.CancelAsync();
        await running;
    }

    private static NodeObject Node(string name, int number) => new(new ObjectName("", name), "uid", "1")
    {
        InternalAddresses = [new IPAddress([192, 0, 2, (byte)number])],
        PodRanges = [new IPNetwork(new IPAddress([10, (byte)(number >> 8), (byte)number, 0]), 24)],
    };
}
