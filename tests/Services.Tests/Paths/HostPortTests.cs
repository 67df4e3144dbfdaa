using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Paths;

/// <summary>Host ports of pods, served by the pipeline without portmap.</summary>
public sealed class HostPortTests(NodeFixture fixture) : IClassFixture<NodeFixture>
{
    private const string Web = $"{ServiceNode.NodeAddress}:18443";

    [Fact]
    public async Task A_host_port_is_reached_from_outside_and_inside_with_the_clients_own_address_until_the_pod_is_deleted()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        await node.AddPodAsync(11, null, ServiceNode.Mapping(18443, ServiceNode.Port), ServiceNode.Mapping(18443, ServiceNode.OtherPort, "udp"));
        foreach (var client in new[] { node.ExternalClient, node.OtherExternalClient, new Client(node.Pods[1].Namespace) })
        {
            await node.AnswersAsync(client, ProtocolType.Tcp, Web, "11:8080");
            await node.AnswersAsync(client, ProtocolType.Udp, Web, "11:9090");
            Assert.True((await client.AskTcpAsync(Web)).SourceKept, "the pod sees an address other than the client's");
            Assert.True((await client.AskUdpAsync(Web)).SourceKept, "the pod sees an address other than the client's");
        }

        // The pod itself: the replies have to pass through the pipeline, so it sees another address.
        var own = await new Client(node.Pods[11].Namespace).AskTcpAsync(Web);
        Assert.Equal(("11:8080", false), (own.Server, own.SourceKept));
        await node.ExternalClient.EchoAsync(Web);

        var service = Assert.Single(await HostPortsAsync(node));
        Assert.StartsWith("default/pod11/", (string)service["name"]!, StringComparison.Ordinal);
        Assert.Equal("HostPort", (string?)service["ports"]![0]!["frontends"]![0]!["kind"]);

        await node.DeletePodAsync(11);
        await node.AnswersAsync(node.ExternalClient, ProtocolType.Tcp, Web);
        Assert.Empty(await HostPortsAsync(node));
    }

    [Fact]
    public async Task A_second_pod_with_the_same_host_port_is_refused_and_the_first_one_keeps_it()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        await node.AddPodAsync(12, null, ServiceNode.Mapping(18443, ServiceNode.Port));
        var (pod, refused) = await node.TryAddPodAsync(13, null, ServiceNode.Mapping(18443, ServiceNode.Port));
        Assert.Equal(7, (int?)JsonNode.Parse(refused.Output)!["code"]);
        Assert.Contains("runtimeConfig.portMappings is refused", refused.Output, StringComparison.Ordinal);
        Assert.Contains("18443/TCP is already a host port of pod default/pod12", refused.Output, StringComparison.Ordinal);
        await node.Lab.RemoveNamespaceAsync(pod.Namespace);
        await node.AnswersAsync(node.ExternalClient, ProtocolType.Tcp, Web, "12:8080");

        // As soon as the first one is gone, the second one can have it.
        await node.DeletePodAsync(12);
        await node.AddPodAsync(13, null, ServiceNode.Mapping(18443, ServiceNode.OtherPort));
        await node.AnswersAsync(node.ExternalClient, ProtocolType.Tcp, Web, "13:9090");
        await node.DeletePodAsync(13);
    }

    [Fact]
    public async Task A_pod_whose_host_port_is_at_a_loopback_address_starts_and_the_reason_is_shown()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        await node.AddPodAsync(14, null, ServiceNode.Mapping(18443, ServiceNode.Port, hostIP: "127.0.0.1"));
        await node.AnswersAsync(new Client(node.Pods[1].Namespace), $"{node.Pods[14].Address}:{ServiceNode.Port}", "14:8080");
        var service = Assert.Single(await HostPortsAsync(node));
        Assert.Equal("unserved", (string?)service["state"]);
        Assert.Contains("packets to a loopback address do not leave the host", (string?)service["problems"]![0]!["reason"]);
        Assert.Contains("host port 127.0.0.1:18443/TCP is not served", node.Lab.Agent!.Log, StringComparison.Ordinal);
        await node.DeletePodAsync(14);
    }

    [Fact]
    public async Task Host_ports_survive_a_kill_of_inframanager_and_of_the_agent_and_no_connection_breaks()
    {
        Needs.Lab();
        await using var node = await ServiceNode.StartAsync(pods: 1, separateTarget: true);
        await node.SetClusterAsync(Kube.Web(), Kube.WebSlice("s", Kube.Endpoint(node.Pods[1].Address)));
        await node.AddPodAsync(2, null, ServiceNode.Mapping(18443, ServiceNode.Port));
        await using var held = await node.ExternalClient.HoldAsync(Web);
        await node.Lab.KillManagerAsync();
        await node.AnswersAsync(node.ExternalClient, ProtocolType.Tcp, Web, "2:8080");
        await node.Lab.StartManagerAsync();
        // The API server does not list the host port, but it must stay.
        await node.SyncedAsync();
        await node.Lab.Agent!.KillAsync();
        await node.Lab.StartAgentAsync();
        await node.AnswersAsync(node.ExternalClient, ProtocolType.Tcp, Web, "2:8080");
        Assert.Equal(0, (long)(await node.Lab.ControlAsync("status"))["updatesSent"]!);
        await held.StillWorksAsync();
        await node.DeletePodAsync(2);
        await node.AnswersAsync(node.ExternalClient, ProtocolType.Tcp, Web);
    }

    private static async Task<JsonNode[]> HostPortsAsync(ServiceNode node) =>
        [.. (await node.Lab.ControlAsync("services"))["services"]!.AsArray().Select(s => s!)
            .Where(s => (string?)s["namespace"] == "hostPort")];
}
