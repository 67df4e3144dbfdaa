using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Paths;

/// <summary>NetworkPolicies from the API server to packets: pods, services, established connections, restarts.</summary>
public sealed class NetworkPolicyTests(NodeFixture fixture) : IClassFixture<NodeFixture>, IAsyncLifetime
{
    private const string Web = "10.96.0.10:80";
    private const string NodePort = $"{ServiceNode.NodeAddress}:30080";
    private ServiceNode _node = null!;

    public async ValueTask InitializeAsync()
    {
        Needs.Lab();
        _node = await fixture.NodeAsync();
        await _node.SetClusterAsync(Cluster());
        // Without a policy, everything passes.
        await _node.AnswersAsync(_node.From(3), To(1), "1:8080");
        await _node.AnswersAsync(_node.From(4), To(1), "1:8080");
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_policy_isolates_the_pods_that_it_selects()
    {
        await _node.SetClusterAsync([.. Cluster(), Allow("web", "client")]);
        await _node.AnswersAsync(_node.From(4), To(1));
        await _node.AnswersAsync(_node.From(3), To(1), "1:8080");
        // Another port, another pod, and the other direction.
        await _node.AnswersAsync(_node.From(3), To(1, ServiceNode.OtherPort));
        await _node.AnswersAsync(_node.From(4), To(5), "5:8080");
        await _node.AnswersAsync(_node.From(1), To(4), "4:8080");
        // The node always reaches its pods.
        await _node.AnswersAsync(_node.Host, To(1), "1:8080");
        Assert.Contains("policy_ingress", await _node.DropsAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Egress_is_judged_by_the_backend_and_not_by_the_service()
    {
        await _node.SetClusterAsync([.. Cluster(), EgressTo("client", "web", ServiceNode.Port)]);
        await _node.AnswersAsync(_node.From(3), Web, "1:8080", "2:8080");
        await _node.AnswersAsync(_node.From(3), To(5));
        await _node.SetClusterAsync([.. Cluster(), EgressTo("client", "other", ServiceNode.Port)]);
        await _node.AnswersAsync(_node.From(3), Web);
        await _node.AnswersAsync(_node.From(3), To(5), "5:8080");
        await _node.AnswersAsync(_node.From(4), Web, "1:8080", "2:8080");
    }

    [Fact]
    public async Task Ingress_is_judged_by_the_clients_own_address()
    {
        var block = new JsonObject { ["ipBlock"] = new JsonObject { ["cidr"] = $"{Outside.ClientAddress}/32" } };
        await _node.SetClusterAsync([.. Cluster("Local"), Ingress("web", block)]);
        await _node.AnswersAsync(_node.ExternalClient, NodePort, "1:8080", "2:8080");
        await _node.AnswersAsync(_node.OtherExternalClient, NodePort);
        await _node.AnswersAsync(_node.From(3), Web);
    }

    [Fact]
    public async Task A_changed_policy_cuts_an_established_connection_and_lets_it_continue()
    {
        await _node.SetClusterAsync([.. Cluster(), Allow("web", "client")]);
        await _node.AnswersAsync(_node.From(4), To(1));
        await using var direct = await _node.From(3).HoldAsync(To(1));
        await using var service = await _node.From(3).HoldAsync(Web);
        await direct.StillWorksAsync();
        await _node.SetClusterAsync([.. Cluster(), Allow("web", "nobody")]);
        await _node.AnswersAsync(_node.From(3), To(1));
        // TCP repeats what was dropped.
        await _node.SetClusterAsync([.. Cluster(), Allow("web", "client")]);
        await direct.StillWorksAsync();
        await service.StillWorksAsync();
    }

    [Fact]
    public async Task A_restart_without_the_API_server_neither_opens_nor_closes()
    {
        await _node.SetClusterAsync([.. Cluster(), Allow("web", "client")]);
        await _node.AnswersAsync(_node.From(4), To(1));
        await using var held = await _node.From(3).HoldAsync(To(1));
        await _node.Api.StopAsync();
        try
        {
            await _node.Lab.KillManagerAsync();
            await _node.Lab.StartManagerAsync();
            await held.StillWorksAsync();
            Assert.Equal(Answer.Silent, (await _node.From(4).AskTcpAsync(To(1), shortTimeout: true)).Server);
            await _node.AnswersAsync(_node.From(3), To(1), "1:8080");
        }
        finally
        {
            await _node.Api.RestartAsync();
        }
    }

    [Fact]
    public async Task No_packet_reaches_a_pod_that_starts_under_a_policy()
    {
        await _node.SetClusterAsync([.. Cluster(), Pod(9, "web"), Allow("web", "nobody")]);
        await _node.AnswersAsync(_node.From(4), To(1));
        // A pod that the API server does not know yet is closed, too.
        foreach (var number in new[] { 9, 10 })
        {
            var pod = await _node.AddPodAsync(number);
            for (var i = 0; i < 20; i++)
            {
                var answer = await _node.From(4).AskUdpAsync($"{pod.Address}:{ServiceNode.Port}", shortTimeout: i > 0);
                Assert.Equal(Answer.Silent, answer.Server);
            }

            await _node.DeletePodAsync(number);
        }
    }

    private string To(int pod, int port = ServiceNode.Port) => $"{_node.Pods[pod].Address}:{port}";

    private JsonObject[] Cluster(string externalPolicy = "Cluster") =>
    [
        Kube.Namespace("default"),
        Pod(1, "web"), Pod(2, "web"), Pod(3, "client"), Pod(4, "stranger"), Pod(5, "other"),
        Objects.Service("web", "10.96.0.10", nodePort: 30080).With("spec.externalTrafficPolicy", externalPolicy),
        Objects.Slice("s", "web", [_node.Endpoint(1), _node.Endpoint(2)]),
    ];

    private JsonObject Pod(int number, string app) => Kube.Pod(
        "default", $"pod{number}", _node.Pods.TryGetValue(number, out var pod) ? pod.Address : "10.244.1.99", ("app", app));

    private static JsonObject Allow(string to, string from) => Ingress(to, Selected(from));

    private static JsonObject Ingress(string to, JsonObject from) => Kube.NetworkPolicy("default", "policy")
        .With("spec.podSelector", Labels(to))
        .With("spec.ingress", new JsonArray(new JsonObject { ["from"] = new JsonArray(from), ["ports"] = Ports(ServiceNode.Port) }));

    private static JsonObject EgressTo(string from, string to, int port) => Kube.NetworkPolicy("default", "policy")
        .With("spec.podSelector", Labels(from))
        .With("spec.policyTypes", new JsonArray("Egress"))
        .With("spec.egress", new JsonArray(new JsonObject
        {
            ["to"] = new JsonArray(Selected(to)),
            ["ports"] = Ports(port),
        }));

    private static JsonArray Ports(int port) =>
        [new JsonObject { ["protocol"] = "TCP", ["port"] = port }, new JsonObject { ["protocol"] = "UDP", ["port"] = port }];

    private static JsonObject Selected(string app) => new() { ["podSelector"] = Labels(app) };

    private static JsonObject Labels(string app) => new() { ["matchLabels"] = new JsonObject { ["app"] = app } };
}
