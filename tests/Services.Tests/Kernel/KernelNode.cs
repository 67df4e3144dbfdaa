using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Services.Tests.Kernel;

/// <summary>
/// The reference: a node whose kernel routes, tracks and translates, configured by <see cref="KubeProxy"/>. Pods are attached as by plain
/// CNI plugins: a /32 address, with all traffic routed to the other end of the link.
/// </summary>
internal sealed class KernelNode : IServiceNode
{
    private const string Gateway = "169.254.1.1";

    private readonly Namespaces _namespaces = new();
    private readonly List<Server> _servers = [];
    private string _router = "";
    private string _outside = "";
    private KubeProxy _proxy = null!;

    private KernelNode()
    {
    }

    /// <summary>The missing prerequisite; null if there is none.</summary>
    public static string? Missing { get; } = Environment.IsPrivilegedProcess ? KubeProxy.Missing : "needs root";

    public Dictionary<int, Pod> Pods { get; } = [];

    public Client Host => new(_router);

    public string HostNamespace => _router;

    public Client ExternalClient => new(_outside, Outside.ClientAddress);

    /// <param name="pods">The number of pods.</param>
    /// <param name="speed">The factor by which the conntrack timers run faster.</param>
    public static async Task<KernelNode> StartAsync(int pods, int speed = 1)
    {
        var node = new KernelNode();
        try
        {
            await node.BuildAsync(speed);
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

    public Task SetClusterAsync(params JsonObject[] cluster) => _proxy.SetClusterAsync(cluster);

    public async Task<string> AddRemoteHostAsync(string address, int mtu)
    {
        var netns = await _namespaces.AddAsync($"far{mtu}");
        await Outside.AddRemoteHostAsync(_outside, netns, address, mtu);
        return netns;
    }

    // Like a CNI plugin's ipMasq or ip-masq-agent.
    public async Task MasqueradeOutgoingAsync() => await Shell.RunAsync(_router, "nft", ["-f", "-"], $$"""
        table ip outgoing
        delete table ip outgoing
        table ip outgoing {
          chain post {
            type nat hook postrouting priority srcnat
            ip saddr {{KubeProxy.PodRange}} ip daddr != {{KubeProxy.PodRange}} masquerade
          }
        }
        """).Succeeded();

    public async Task<string> DescribeAsync()
    {
        var entries = (await Shell.RunAsync(_router, "conntrack", ["-L"])).Output.Split('\n');
        return $"conntrack has {entries.Length - 1} entries:\n{string.Join('\n', entries.Take(50))}";
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        await _namespaces.DisposeAsync();
    }

    private async Task BuildAsync(int speed)
    {
        _router = await _namespaces.AddAsync("router");
        _outside = await _namespaces.AddAsync("outside");
        await Outside.BuildAsync(_outside, _router);
        await IpAsync(_router, $"""
            link set {Outside.PortName} address {Outside.NodeMac}
            addr add {ServiceNode.NodeAddress}/32 dev {Outside.PortName}
            route add default via {Outside.ClientAddress} dev {Outside.PortName} onlink
            """);
        _proxy = await KubeProxy.StartAsync(_router, speed);
    }

    private async Task AddPodAsync(int number)
    {
        var name = $"pod{number}";
        var address = $"10.244.1.{10 + number}";
        var netns = await _namespaces.AddAsync(name);
        await IpAsync(_router, $"""
            link add {name} type veth peer name eth0 netns {netns}
            addr add {Gateway}/32 dev {name} scope link
            link set {name} up
            route add {address} dev {name}
            """);
        await IpAsync(netns, $"""
            addr add {address}/32 dev eth0
            link set eth0 up
            route add default via {Gateway} dev eth0 onlink
            """);
        Pods[number] = new Pod(name, netns,
            netns)
        { Result = new JsonObject { ["ips"] = new JsonArray(new JsonObject { ["address"] = $"{address}/32" }) } };
        foreach (var port in new[] { ServiceNode.Port, ServiceNode.OtherPort })
        {
            _servers.Add(new Server(netns, $"{number}:{port}", port));
        }
    }

    private static async Task IpAsync(string netns, string commands) =>
        await Shell.RunAsync(netns, "ip", ["-batch", "-"], commands).Succeeded();
}
