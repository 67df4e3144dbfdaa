using System.Buffers.Binary;
using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.CommandLine;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.InfraManager.Tests.Policy.Wire;

/// <summary>
/// ctl flows and ctl policy try about flows that pods opened with packets: shop/a and shop/b, both app=client, talk to shop/web, app=web,
/// by its own address and through a service. What a changed policy is said to cut is then cut.
/// </summary>
public sealed class FlowWireTests : IAsyncLifetime
{
    private const string Web = "shop/web";
    private const string A = "shop/a";
    private const string B = "shop/b";
    private const ushort Port = 8080;
    private const ushort ServicePort = 80;

    private static readonly Dictionary<string, uint> Addresses = new() { [Web] = Number(1), [A] = Number(2), [B] = Number(3) };
    private static readonly uint Service = Number(TestService.Virtual(1));

    private readonly Folder _folder = new();
    private PolicyNode? _node;
    private ApiFixture? _api;

    public async ValueTask InitializeAsync()
    {
        Needs.Tap();
        _node = await PolicyNode.StartAsync();
        _api = await ApiFixture.StartAsync(core: _node.Programmer, view: _node.View);
        await _node.SetAsync(Cluster(AllowIngress("client")));
        foreach (var pod in Addresses)
        {
            await _node.AttachAsync(pod.Key, Frame.Text(pod.Value));
        }

        var service = TestService.Of(1, TestService.Pod(1));
        await _node.Programmer.SubmitAsync(new ServiceIntent(service.Key, service), default);
    }

    public async ValueTask DisposeAsync()
    {
        if (_api is not null)
        {
            await _api.DisposeAsync();
        }

        if (_node is not null)
        {
            await _node.DisposeAsync();
        }

        _folder.Dispose();
    }

    [Fact]
    public async Task Flows_are_listed_with_pods_service_and_state()
    {
        Assert.Equal("no flows", (await RunAsync("flows")).Trim());
        Handshake(A, 41001);
        Open(B, 41002, throughService: true);
        // A datagram and its answer.
        Send(A, Web, Frame.Udp, 41003, Addresses[Web], Port);
        Send(Web, A, Frame.Udp, Port, Addresses[A], 41003);
        _node!.Pods.Verify(B, Web, p => Frame.Echo(Addresses[B], Addresses[Web], 7, payload: p));

        var flows = await FlowsAsync();
        Assert.Equal(
            [
                "TCP 10.244.0.2:41001 shop/a > 10.244.0.1:8080 shop/web | open",
                "UDP 10.244.0.2:41003 shop/a > 10.244.0.1:8080 shop/web | answered",
                "ICMP 10.244.0.3:7 shop/b > 10.244.0.1:0 shop/web | ",
                "TCP 10.244.0.3:41002 shop/b > 10.244.0.1:8080 shop/web | default/service-1 10.96.0.1:80 opening or closed",
            ],
            flows.Select(Text));
        // Twelve hours, two minutes, thirty seconds, a minute: docs/programming.md, "States and timers".
        double[] timeouts = [43200, 120, 30, 60];
        Assert.All(flows.Zip(timeouts), f =>
        {
            Assert.InRange((double)f.First["expires"]!, f.Second - 20, f.Second);
            Assert.Equal(f.Second, (double)f.First["expires"]! + (double)f.First["idle"]!, 0.01);
        });
    }

    [Fact]
    public async Task Flows_of_one_pod_and_the_first_ones_are_listed_and_the_rest_is_counted()
    {
        for (ushort i = 0; i < 5; i++)
        {
            Open(A, (ushort)(41000 + i));
            Open(B, (ushort)(42000 + i));
        }

        Assert.Equal(10, (await FlowsAsync()).Count);
        Assert.Equal(10, (await FlowsAsync(Web)).Count);
        Assert.All(await FlowsAsync(B), f => Assert.Equal(B, (string?)f["client"]!["name"]));
        var json = JsonNode.Parse(await RunAsync("flows", B, "--limit", "2", "--json"))!;
        Assert.Equal(
            [42000, 42001], json["flows"]!.AsArray().Select(f => (int)f!["client"]!["port"]!));
        Assert.Equal(3, (int)json["leftOut"]!);
        var text = await RunAsync("flows", "--limit", "1");
        Assert.Contains("10.244.0.2:41000 (shop/a)", text, StringComparison.Ordinal);
        Assert.EndsWith("9 more flows are not shown", text.Trim(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_policy_cuts_exactly_the_flow_that_it_is_said_to_cut(bool throughService)
    {
        Open(A, 41001, throughService);
        Open(B, 41002, throughService);
        var changed = AllowIngress("client", ("keep", "yes"));

        var json = await TryAsync(changed);
        Assert.Equal((2, 0, ""), ((int)json["flows"]!, (int)json["cutFlowsLeftOut"]!, (string?)json["flowsProblem"]));
        var cut = Assert.Single(json["cutFlows"]!.AsArray())!;
        Assert.Equal(
            "TCP 10.244.0.3:41002 shop/b > 10.244.0.1:8080 shop/web | "
            + (throughService ? "default/service-1 10.96.0.1:80 " : "") + "opening or closed",
            Text(cut["flow"]!));
        Assert.Equal(
            ("shop/web", "ingress", "NetworkPolicy shop/web ingress[0]", "tier NetworkPolicy default"),
            ((string?)cut["pod"], (string?)cut["direction"], (string?)cut["ruleBefore"], (string?)cut["ruleAfter"]));
        // A trial changes nothing.
        Open(B, 41002, throughService);

        await _node!.SetAsync(Cluster(changed));
        Open(A, 41001, throughService);
        Open(B, 41002, throughService, passes: false);
        // Nothing is left to cut.
        Assert.Empty((await TryAsync(changed))["cutFlows"]!.AsArray());
    }

    [Fact]
    public async Task Egress_is_judged_by_the_backend_and_a_deny_names_its_rule()
    {
        Open(A, 41001, throughService: true);
        Open(B, 41002, throughService: true);
        var deny = Kube.ClusterPolicy("no-web")
            .With("apiVersion", "policy.networking.k8s.io/v1alpha2")
            .With("spec.subject", new JsonObject())
            .With("spec.subject.pods.namespaceSelector", new JsonObject())
            .With("spec.subject.pods.podSelector", Labels(("keep", "yes")))
            .With("spec.egress", new JsonArray(new JsonObject
            {
                ["name"] = "stop",
                ["action"] = "Deny",
                // The backend's address, not the service's.
                ["to"] = new JsonArray(new JsonObject { ["networks"] = new JsonArray($"{Frame.Text(Addresses[Web])}/32") }),
            }));

        var file = _folder.Write("deny.json", deny.ToJsonString());
        var text = await RunAsync("policy", "try", "--file", file);
        Assert.Contains(
            """
            1 of 2 live flows would be CUT
              TCP 10.244.0.2:41001 (shop/a) to 10.244.0.1:8080 (shop/web), through default/service-1 (10.96.0.1:80), opening or closed
                egress of shop/a: before: default; then: ClusterNetworkPolicy no-web egress[0] stop
            """,
            text, StringComparison.Ordinal);

        await _node!.SetAsync([.. Cluster(AllowIngress("client")), deny]);
        Open(A, 41001, throughService: true, passes: false);
        Open(B, 41002, throughService: true);
    }

    private static JsonObject[] Cluster(JsonObject policy) =>
    [
        Kube.Namespace("shop"),
        Kube.Pod("shop", "web", Frame.Text(Addresses[Web]), ("app", "web")),
        Kube.Pod("shop", "a", Frame.Text(Addresses[A]), ("app", "client"), ("keep", "yes")),
        Kube.Pod("shop", "b", Frame.Text(Addresses[B]), ("app", "client")),
        policy,
    ];

    private static JsonObject AllowIngress(string app, params (string Key, string Value)[] more) => Kube.NetworkPolicy("shop", "web")
        .With("apiVersion", "networking.k8s.io/v1")
        .With("spec.podSelector", Labels(("app", "web")))
        .With("spec.ingress", new JsonArray(new JsonObject
        {
            ["from"] = new JsonArray(new JsonObject { ["podSelector"] = Labels([("app", app), .. more]) }),
        }));

    private static JsonObject Labels(params (string Key, string Value)[] labels)
    {
        var wanted = new JsonObject();
        foreach (var (key, value) in labels)
        {
            wanted[key] = value;
        }

        return new JsonObject { ["matchLabels"] = wanted };
    }

    private static uint Number(int pod) => Number(TestNode.Ip(pod));

    private static uint Number(IPAddress address) => BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());

    /// <summary>A flow as one line.</summary>
    private static string Text(JsonNode flow)
    {
        var asked = flow["asked"] is { } end ? $"{flow["service"]} {end["address"]}:{end["port"]} " : "";
        Assert.Null(flow["masqueraded"]);
        return $"{flow["protocol"]} {End(flow["client"]!)} > {End(flow["backend"]!)} | {asked}{flow["state"]}";

        static string End(JsonNode end) => $"{end["address"]}:{end["port"]} {end["name"]}";
    }

    /// <summary>The first packet of a connection with the web server, or again.</summary>
    private void Open(string client, ushort port, bool throughService = false, bool passes = true) => _node!.Pods.Verify(
        client, passes ? Web : null,
        p => Frame.Build(
            Frame.Tcp, Addresses[client], port, throughService ? Service : Addresses[Web], throughService ? ServicePort : Port, p));

    private void Handshake(string client, ushort port)
    {
        Open(client, port);
        Send(Web, client, Frame.Tcp, Port, Addresses[client], port, Frame.Syn | Frame.Ack, 5000, 1001);
        Send(client, Web, Frame.Tcp, port, Addresses[Web], Port, Frame.Ack, 1001, 5001);
    }

    private void Send(string from, string to, byte protocol, ushort fromPort, uint address, ushort port, byte flags = 0,
        uint sequence = 0, uint acknowledgment = 0) => _node!.Pods.Verify(
            from, to, p => Frame.Build(protocol, Addresses[from], fromPort, address, port, p, flags, sequence, acknowledgment));

    private async Task<IReadOnlyList<JsonNode>> FlowsAsync(params string[] arguments) =>
        [.. JsonNode.Parse(await RunAsync(["flows", "--json", .. arguments]))!["flows"]!.AsArray().Select(f => f!)];

    private async Task<JsonNode> TryAsync(JsonObject policy) => JsonNode.Parse(
        await RunAsync("policy", "try", "--json", "--file", _folder.Write("policy.json", policy.ToJsonString())))!;

    private async Task<string> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await Commands.RunAsync(["ctl", "--socket", _api!.ControlSocket, .. arguments], output, error);
        Assert.True(code == 0, error + output.ToString());
        return output.ToString();
    }
}
