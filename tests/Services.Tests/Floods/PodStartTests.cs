using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Services.Tests.Floods;

/// <summary>
/// Pods start under a policy while others flood their future address: from the first moment of its interface, a pod gets what the policy
/// allows and nothing else.
/// </summary>
public sealed class PodStartTests(NodeFixture fixture, ITestOutputHelper output) : IClassFixture<NodeFixture>
{
    private const int Client = 3;
    private const int Stranger = 4;
    private const int Pods = 6;

    // Of each sender and each pod, after its ADD has returned.
    private const int Packets = 20_000;

    [Fact]
    public async Task Nothing_arrives_under_a_policy_that_allows_nobody()
    {
        var node = await StartAsync("nobody");
        var sent = 0L;
        for (var i = 0; i < Pods; i++)
        {
            var (flooded, fromStranger, fromClient) = await FloodAsync(node, 20 + i, isKnown: i % 2 == 0);
            Assert.Equal((0L, 0L), (fromStranger, fromClient));
            sent += flooded;
        }

        output.WriteLine($"0 of {sent} packets arrived at {Pods} pods");
        Assert.True(sent >= 100_000, $"{sent} packets");
    }

    [Fact]
    public async Task Only_packets_of_the_allowed_pod_arrive()
    {
        var node = await StartAsync("client");
        var (sent, arrived) = (0L, 0L);
        for (var i = 0; i < Pods; i++)
        {
            var (flooded, fromStranger, fromClient) = await FloodAsync(node, 40 + i, isKnown: i % 2 == 0);
            Assert.Equal(0L, fromStranger);
            Assert.True(fromClient > 0, "nothing arrived from the allowed pod");
            sent += flooded;
            arrived += fromClient;
        }

        output.WriteLine($"{sent} packets to {Pods} pods, of which {arrived} of the allowed pod arrived and 0 of the other");
    }

    private async Task<ServiceNode> StartAsync(string allowed)
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        var policy = Kube.NetworkPolicy("default", "policy")
            .With("spec.podSelector", Labels("web"))
            .With("spec.ingress", new JsonArray(new JsonObject { ["from"] = new JsonArray(Selected(allowed)) }));
        await node.SetClusterAsync(
            Kube.Namespace("default"), Pod(node, 1, "web"), Pod(node, Client, "client"), Pod(node, Stranger, "stranger"), policy);
        await node.AnswersAsync(node.From(Stranger), $"{node.Pods[1].Address}:{ServiceNode.Port}");
        return node;
    }

    /// <summary>Starts a pod in the middle of a flood towards it.</summary>
    /// <param name="node">The node.</param>
    /// <param name="number">The pod's number.</param>
    /// <param name="isKnown">Whether the API server knows the pod before its ADD; otherwise only afterwards.</param>
    /// <returns>The packets sent since the ADD began, and those that arrived, by sender.</returns>
    private static async Task<(long Sent, long FromStranger, long FromClient)> FloodAsync(ServiceNode node, int number, bool isKnown)
    {
        var (name, address) = ($"pod{number}", $"10.244.1.{number + 100}");
        var pending = Kube.Pod("default", name, address, ("app", "web")).With("status", new JsonObject { ["phase"] = "Pending" });
        if (isKnown)
        {
            node.Api.Put(pending);
        }

        await using var stranger = Start(Stranger);
        await using var client = Start(Client);
        await Eventually.TrueAsync(() => stranger.Sent > 1000 && client.Sent > 1000, "the floods run");
        var pod = await node.NewPodAsync(number);
        await using var arrivals = Arrivals.In(pod.Namespace);
        var before = stranger.Sent + client.Sent;
        await node.AttachAsync(number, pod, address);
        var (strangerSent, clientSent) = (stranger.Sent, client.Sent);
        node.Api.Put(Kube.Pod("default", name, address, ("app", "web")));
        await Eventually.TrueAsync(
            () => stranger.Sent > strangerSent + Packets && client.Sent > clientSent + Packets, "the floods go on", 120);
        var sent = await stranger.StopAsync() + await client.StopAsync() - before;
        var result = (sent, arrivals.Count(node.Pods[Stranger].Address), arrivals.Count(node.Pods[Client].Address));
        arrivals.AssertComplete();
        await node.DeletePodAsync(number);
        node.Api.Delete(Kube.Pods, $"default/{name}");
        return result;

        // Not more than a busy machine forwards.
        Flood Start(int from) => Flood.Udp(
            PodEnd.Of(node.Pods[from].Namespace, node.Pods[from].Address), address, ServiceNode.Port, 32, TimeSpan.FromMilliseconds(1));
    }

    private static JsonObject Pod(ServiceNode node, int number, string app) =>
        Kube.Pod("default", $"pod{number}", node.Pods[number].Address, ("app", app));

    private static JsonObject Selected(string app) => new() { ["podSelector"] = Labels(app) };

    private static JsonObject Labels(string app) => new() { ["matchLabels"] = new JsonObject { ["app"] = app } };
}
