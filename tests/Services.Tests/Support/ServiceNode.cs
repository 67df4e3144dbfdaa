using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using ACCOffload.Protos.Infra;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Services.Tests.Support;

/// <summary>A node with its ACC and an uplink, in a cluster with a fake API server and without kube-proxy.</summary>
internal sealed class ServiceNode : IServiceNode
{
    public const string NodeAddress = "192.0.2.2";
    public const string HostAddress = "200.1.1.2";

    /// <summary>The ACC's address on its link with the host.</summary>
    public const string AccAddress = "192.0.2.1";

    /// <summary>The servers of every pod listen on these ports.</summary>
    public const int Port = 8080;
    public const int OtherPort = 9090;

    private readonly TestPki _pki = new(DateTimeOffset.UtcNow);
    private readonly List<Server> _servers = [];

    private ServiceNode(Lab lab) => Lab = lab;

    public Lab Lab { get; }

    public FakeApiServer Api { get; private set; } = null!;

    public string OutsideNamespace { get; private set; } = "";

    /// <summary>A client on the node itself.</summary>
    public Client Host => new(HostNamespace);

    public string HostNamespace => Lab.HostNamespace;

    public Client ExternalClient => new(OutsideNamespace, Outside.ClientAddress);

    public Client OtherExternalClient => new(OutsideNamespace, Outside.OtherClientAddress);

    /// <summary>Starts a node with pods numbered from 1; the servers of pod 1 respond with "1:8080" and "1:9090".</summary>
    /// <param name="pods">The number of pods.</param>
    /// <param name="separateTarget">Whether the soft target runs in a separate process.</param>
    /// <param name="speed">The factor by which the timeouts of learned entries are shortened.</param>
    /// <param name="uplinkMtu">The configured MTU of the uplink; 0 for none.</param>
    /// <param name="rangesFromCluster">Whether the node's addresses and ranges come from the API server only.</param>
    public static async Task<ServiceNode> StartAsync(int pods, bool separateTarget = false, int speed = 1, int uplinkMtu = 0,
        bool rangesFromCluster = false)
    {
        var lab = await Lab.StartAsync(new LabOptions { Bare = true, SeparateTarget = separateTarget });
        var node = new ServiceNode(lab);
        try
        {
            node.OutsideNamespace = await lab.AddNamespaceAsync("outside");
            await Outside.BuildAsync(node.OutsideNamespace, lab.PortNamespace);
            node.Api = await FakeApiServer.StartAsync(node._pki.IssueServer(), lab.AccNamespace);
            node.Api.Put(rangesFromCluster ? Node(NodeAddress) : Kube.Node("node-1", "a"), Kube.ServiceRange("kubernetes", "10.96.0.0/12"));
            node.Configure(speed, uplinkMtu, rangesFromCluster);
            if (separateTarget)
            {
                await lab.StartTargetAsync();
            }

            await lab.StartManagerAsync();
            await lab.StartAgentAsync();
            for (var i = 1; i <= pods; i++)
            {
                await node.AddPodAsync(i);
            }

            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    /// <summary>The node as the API server has it, with this internal address.</summary>
    public static JsonObject Node(string address) => Kube.Node("node-1", "a").WithAddresses([address], "10.244.1.0/24");

    /// <summary>A host port as the runtime passes it.</summary>
    public static JsonObject Mapping(int hostPort, int containerPort, string protocol = "tcp", string hostIP = "") => new()
    {
        ["hostPort"] = hostPort,
        ["containerPort"] = containerPort,
        ["protocol"] = protocol,
        ["hostIP"] = hostIP,
    };

    public Dictionary<int, Pod> Pods { get; } = [];

    /// <param name="number">The pod's number.</param>
    /// <param name="address">The address that it must get; null for any.</param>
    /// <param name="hostPorts">The mappings that the runtime passes.</param>
    public async Task<Pod> AddPodAsync(int number, string? address = null, params JsonObject[] hostPorts)
    {
        var pod = await AttachAsync(number, await NewPodAsync(number), address, hostPorts);
        foreach (var port in new[] { Port, OtherPort })
        {
            _servers.Add(new Server(pod.Namespace, $"{number}:{port}", port));
        }

        return pod;
    }

    /// <summary>Creates a pod's namespace, without an interface.</summary>
    public async Task<Pod> NewPodAsync(int number)
    {
        var name = $"pod{number}";
        return new Pod(name, await Lab.AddNamespaceAsync(name), $"{Lab.HostNamespace}-{name}-{Guid.NewGuid():N}");
    }

    /// <summary>Runs ADD for a pod, without servers.</summary>
    public async Task<Pod> AttachAsync(int number, Pod pod, string? address, params JsonObject[] hostPorts)
    {
        var result = await TryAttachAsync(pod, address, hostPorts);
        Assert.True(result.ExitCode == 0, $"ADD {pod.Name}: {result.Output}{result.Error}\n{Lab.Manager!.Log}");
        pod.Result = JsonNode.Parse(result.Output)!;
        Pods[number] = pod;
        return pod;
    }

    /// <summary>Runs ADD for a new namespace, and nothing else.</summary>
    public async Task<(Pod Pod, ShellResult Result)> TryAddPodAsync(int number, string? address, params JsonObject[] hostPorts)
    {
        var pod = await NewPodAsync(number);
        return (pod, await TryAttachAsync(pod, address, hostPorts));
    }

    private Task<ShellResult> TryAttachAsync(Pod pod, string? address, JsonObject[] hostPorts)
    {
        var arguments = $"IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod.Name}" + (address is null ? "" : $";IP={address}");
        return Lab.PluginAsync(
            "ADD",
            pod,
            config =>
            {
                if (hostPorts.Length > 0)
                {
                    config["runtimeConfig"] = new JsonObject { ["portMappings"] = new JsonArray([.. hostPorts]) };
                }
            },
            new Dictionary<string, string> { ["CNI_ARGS"] = arguments });
    }

    public async Task DeletePodAsync(int number)
    {
        Pods.Remove(number, out var pod);
        foreach (var server in _servers.Where(s => s.Name.StartsWith($"{number}:", StringComparison.Ordinal)).ToList())
        {
            // A socket keeps working in the namespace until it is closed, like a program until it is killed.
            _servers.Remove(server);
            await server.DisposeAsync();
        }

        await Lab.DeletePodAsync(pod!);
    }

    /// <summary>Starts a server in any namespace.</summary>
    public void Serve(string netns, string name, int port, string? address = null) => _servers.Add(new Server(netns, name, port, address));

    /// <summary>
    /// Waits until the current state of the API server is in the tables; of policy, until the watch has it: it is written right after.
    /// </summary>
    public async Task SyncedAsync(int seconds = 120)
    {
        JsonNode? status = null;
        var version = Api.Version;
        await Eventually.TrueAsync(
            async () =>
            {
                // Kinds without a change only learn the version from a bookmark.
                foreach (var path in new[] { Kube.Services, Kube.Slices, Kube.NetworkPolicies, Kube.Namespaces, Kube.Pods })
                {
                    Api.Bookmark(path);
                }

                status = await Lab.TryControlAsync("status");
                return status is not null && IsSettled(status, version);
            },
            () => $"InfraManager has the cluster's version {version}; {status?.ToJsonString()}\n{Lab.Manager!.Log}", seconds);
    }

    /// <summary>Replaces the cluster's services and slices and waits until the node has applied them.</summary>
    public async Task SetClusterAsync(params JsonObject[] cluster)
    {
        Api.ReplaceAll(cluster);
        await SyncedAsync();
    }

    /// <summary>
    /// Checks that new flows of a client are answered by exactly these servers, or by <see cref="Answer.Refused"/>; without servers, by
    /// none.
    /// </summary>
    public async Task AnswersAsync(Client client, ProtocolType protocol, string to, params string[] servers)
    {
        var clock = DateTime.UtcNow + TimeSpan.FromSeconds(90);
        while (await FindMismatchAsync(client, protocol, to, servers) is { } mismatch)
        {
            // The state is already applied: retries are only for late replies on a busy machine.
            if (DateTime.UtcNow > clock)
            {
                Assert.Fail($"{protocol} to {to}: {mismatch} instead of "
                    + $"{(servers.Length == 0 ? "no server" : string.Join(' ', servers))}; drops: "
                    + $"{await DropsAsync()}\n{(await Lab.ControlAsync("services")).ToJsonString()}");
            }

            await Task.Delay(100);
        }
    }

    public async Task AnswersAsync(Client client, string to, params string[] servers)
    {
        await AnswersAsync(client, ProtocolType.Tcp, to, servers);
        await AnswersAsync(client, ProtocolType.Udp, to, servers);
    }

    public async Task<string> AddRemoteHostAsync(string address, int mtu)
    {
        var netns = await Lab.AddNamespaceAsync($"far{mtu}");
        await Outside.AddRemoteHostAsync(OutsideNamespace, netns, address, mtu);
        return netns;
    }

    public async Task MasqueradeOutgoingAsync()
    {
        using var channel = Channels.Offload(Lab);
        var agent = new InfraAgent.InfraAgentClient(channel);
        // It may have been set by an earlier test.
        await agent.AddDelSnatPrefixAsync(new AddDelSnatPrefixRequest { Prefix = "10.244.0.0/16", IsAdd = true });
        await agent.SetSnatAddressAsync(new SetSnatAddressRequest { SnatIpv4 = NodeAddress });
    }

    public async Task<string> DescribeAsync() => $"drops: {await DropsAsync()}";

    public async Task<string> DropsAsync() =>
        string.Join(' ', (await Lab.DropsAsync()).Where(d => d.Value > 0).Select(d => $"{d.Key} {d.Value}"));

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        await Lab.DisposeAsync();
        if (Api is not null)
        {
            await Api.DisposeAsync();
        }

        _pki.Dispose();
    }

    private static async Task<string?> FindMismatchAsync(Client client, ProtocolType protocol, string to, string[] servers)
    {
        // With four backends the probability that 60 flows miss one is about one in ten million.
        const int Most = 60, Least = 8;
        var seen = new HashSet<string>();
        for (var i = 0; i < Most; i++)
        {
            var answer = await client.AskAsync(protocol, to, shortTimeout: servers.Length == 0);
            seen.Add(answer.Server);
            if (servers.Length == 0 ? answer.Seen is not null : !servers.Contains(answer.Server))
            {
                return answer.Server;
            }

            if (servers.Length == 0 || (servers is [Answer.Refused] && i == 2) || (seen.Count == servers.Length && i >= Least - 1))
            {
                return null;
            }
        }

        return $"only {string.Join(' ', seen)}";
    }

    private static bool IsSettled(JsonNode status, long version) =>
        status["reconciled"]!.GetValue<bool>()
        && status["queueLength"]!.GetValue<long>() == 0
        && status["pendingEntries"]!.GetValue<long>() == 0
        && status["watch"] is { } watch
        && watch["synced"]!.GetValue<bool>()
        && watch["pending"]!.GetValue<long>() == 0
        && watch["waiting"]!.GetValue<string>().Length == 0
        && watch["kinds"]!.AsArray().Where(k => k!["kind"]!.GetValue<string>()
                is "Service" or "EndpointSlice" or "NetworkPolicy" or "Namespace" or "Pod")
            .All(k => long.TryParse(k!["resourceVersion"]!.GetValue<string>(), CultureInfo.InvariantCulture, out var seen)
                && seen >= version);

    private void Configure(int speed, int uplinkMtu, bool rangesFromCluster)
    {
        File.WriteAllText(Lab.At("kubeconfig"), KubeconfigText.Of(Api.Address, _pki.Authority));
        Change(Lab.ManagerConfig, c =>
        {
            c["Node"]!["VirtualRanges"] = rangesFromCluster ? [] : new JsonArray("10.96.0.0/12");
            if (rangesFromCluster)
            {
                c["Node"]!.AsObject().Remove("PodRanges");
                c["Node"]!.AsObject().Remove("NodeAddresses");
                c["Node"]!["ClusterRanges"] = new JsonArray("10.244.0.0/16");
            }

            c["Node"]!["Uplink"] = Outside.Configuration;
            if (uplinkMtu > 0)
            {
                c["Node"]!["Uplink"]!["Mtu"] = uplinkMtu;
            }

            c["Services"] = new JsonObject { ["HealthCheckAddress"] = AccAddress };
            c["Kubernetes"] = new JsonObject { ["Kubeconfig"] = Lab.At("kubeconfig") };
            if (speed > 1)
            {
                c["Pipeline"]!["Directory"] = Lab.At("pipeline");
            }
        });
        if (speed > 1)
        {
            FastPipeline.Write(Lab.At("pipeline"), speed);
        }
        // The host also reaches services and external addresses through the pipeline.
        Change(Lab.AgentConfig, c =>
        {
            c["HostInterface"]!["Services"] = rangesFromCluster;
            c["HostInterface"]!["Routes"] = rangesFromCluster
                ? new JsonArray("10.244.0.0/16")
                : new JsonArray("10.244.0.0/16", "10.96.0.0/12", "198.51.100.0/24", "203.0.113.0/24");
        });
    }

    private static void Change(string path, Action<JsonNode> change)
    {
        var content = JsonNode.Parse(File.ReadAllText(path))!;
        change(content);
        File.WriteAllText(path, content.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }
}
