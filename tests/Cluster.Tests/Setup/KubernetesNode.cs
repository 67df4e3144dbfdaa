using System.Text.Json.Nodes;
using ACCOffload.TestKit.Machines;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>
/// A machine that is a node of the cluster, and its own ACC: kubelet and a container runtime run from the start, and the product is set up
/// by cluster-up. Its only way to the node network is the pipeline's uplink.
/// </summary>
internal sealed class KubernetesNode : IAsyncDisposable
{
    private readonly RealCluster _cluster;
    private readonly ContainerRuntime _runtime;

    private KubernetesNode(RealCluster cluster, BootedMachine machine, int number, ContainerRuntime runtime)
    {
        _cluster = cluster;
        _runtime = runtime;
        Machine = machine;
        Number = number;
        Address = ClusterNetwork.NodeAddress(number);
    }

    public BootedMachine Machine { get; }

    public int Number { get; }

    public string Name => NameOf(Number);

    /// <summary>Its pod range, which the controller manager assigns.</summary>
    public string Pods { get; private set; } = "";

    /// <summary>The node's address, which is its InternalIP.</summary>
    public string Address { get; private set; }

    /// <summary>The network namespace of the machine.</summary>
    public string Namespace => _cluster.Network.NodeNamespace(Number);

    public static string NameOf(int number) => $"node-{number}";

    /// <summary>Boots a machine and waits until kubelet has registered the node. It is not ready before <see cref="UpAsync"/>.</summary>
    public static async Task<KubernetesNode> StartAsync(RealCluster cluster, int number, ContainerRuntime runtime)
    {
        var machine = await BootedMachine.BootAsync(m => InstallAsync(m, cluster, number, runtime), new MachineOptions
        {
            HostName = NameOf(number),
            Containers = true,
            ReadOnlyFolders = new Dictionary<string, string> { [KubernetesFolder.InMachine] = KubernetesFolder.Root },
        });
        var node = new KubernetesNode(cluster, machine, number, runtime);
        try
        {
            await node.ConnectAsync();
            await node.ImportImagesAsync();
            await machine.OutputAsync("systemctl", "start", "kubelet");
            await Eventually.TrueAsync(async () => (await cluster.Kubectl.TryAsync($"get node {node.Name}")).ExitCode == 0,
                $"kubelet has registered {node.Name}", seconds: 120);
            await node.RoutePodsAsync();
            return node;
        }
        catch (Exception e)
        {
            await node.SaveLogsAsync(cluster.LogFolder("start"));
            await node.DisposeAsync();
            throw new InvalidOperationException($"{NameOf(number)}: {e.Message}; logs: {cluster.LogFolder("start")}", e);
        }
    }

    /// <summary>Runs cluster-up for this node, on the administrator's machine.</summary>
    public Task<ShellResult> UpAsync(params string[] parameters) => _cluster.RunScriptAsync("cluster-up",
    [
        $"NODE={Name}", $"HOST=root@{Name}", $"ACC=root@{Name}", $"ACC_ADDRESS={ClusterNetwork.NodeManagement(Number)}",
        $"API_SERVER=https://{ClusterNetwork.ControlManagement}:6443",
        $"EXAMPLE_IMAGE={RealCluster.Busybox}", .. ClusterNetwork.UplinkParameters(Number, Address), .. parameters,
    ]);

    /// <summary>Runs cluster-down for this node.</summary>
    public Task<ShellResult> DownAsync(params string[] parameters) =>
        _cluster.RunScriptAsync("cluster-down", [$"NODE={Name}", .. parameters]);

    /// <summary>Restarts the ACC: InfraManager and, with it, the pipeline. Returns when its tables are verified.</summary>
    public async Task RestartAccAsync()
    {
        await Machine.OutputAsync("systemctl", "restart", "inframanager");
        await Machine.OutputAsync("inframanager", "ctl", "status", "--wait", "60");
    }

    /// <summary>Cuts the machine's power and boots it: its units start by themselves, and its pods anew.</summary>
    public async Task RestartAsync()
    {
        await Shell.RunAsync(null, "ip", ["netns", "delete", Namespace]).Succeeded();
        await Machine.RestartAsync();
        await ConnectAsync();
        await Machine.OutputAsync("systemctl", "start", "kubelet");
    }

    /// <summary>Gives the node another address; cluster-up for it is the caller's.</summary>
    public async Task ChangeAddressAsync(string address)
    {
        await Machine.OutputAsync("sh", "-ec", $"""
            ip address add {address}/32 dev lo
            ip address delete {Address}/32 dev lo
            sed -i 's/--node-ip={Address}/--node-ip={address}/' /etc/systemd/system/kubelet.service
            systemctl daemon-reload
            systemctl restart kubelet
            """);
        Address = address;
        await _cluster.Network.RoutePodsAsync(Pods, address);
    }

    /// <summary>Removes the route to its pods from the machines outside of the cluster.</summary>
    public Task UnrouteAsync() => _cluster.Network.RoutePodsAsync(Pods, null);

    /// <summary>What this node's ACC knows of another node; null if it does not know it.</summary>
    public async Task<JsonNode?> OtherNodeAsync(string name) =>
        JsonNode.Parse(await Machine.OutputAsync("inframanager", "ctl", "--json", "nodes"))!["nodes"]?.AsArray()
            .FirstOrDefault(n => (string)n!["name"]! == name);

    /// <summary>Writes the logs of everything that runs on the node.</summary>
    public async Task SaveLogsAsync(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var (name, command) in new[]
                 {
                     ("journal", "journalctl --no-pager --output=short-precise"),
                     ("accoffload", "journalctl --no-pager --output=short-precise --namespace=accoffload"),
                     ("network", "ip -brief address; ip route; ip rule; ip -n accoffload-dp -brief link"),
                     ("inframanager",
                         "for view in status endpoints services counters tables; do echo \"== $view\"; inframanager ctl $view; done"),
                     ("host-stub", "host-stub status"),
                     ("pods", $"{KubernetesFolder.InMachine}/bin/crictl pods; {KubernetesFolder.InMachine}/bin/crictl ps --all"),
                 })
        {
            var run = await Machine.RunAsync(["sh", "-c", command]);
            await File.WriteAllTextAsync(Path.Combine(folder, $"{Name}-{name}.log"), run.Output + run.Error);
        }
    }

    public async ValueTask DisposeAsync()
    {
        // Only removes the name of the namespace.
        await Shell.RunLineAsync(null, $"ip netns delete {Namespace}");
        await Machine.DisposeAsync();
    }

    private static Task InstallAsync(BootedMachine machine, RealCluster cluster, int number, ContainerRuntime runtime)
    {
        RuntimeFiles.Install(machine, runtime);
        RuntimeFiles.InstallKubelet(machine, runtime, NameOf(number), ClusterNetwork.NodeAddress(number));
        machine.Write("etc/kubernetes/ca.crt", File.ReadAllText(cluster.PkiFile("ca.crt")));
        machine.Write("etc/kubernetes/kubelet.kubeconfig", File.ReadAllText(cluster.PkiFile($"{NameOf(number)}.kubeconfig")));
        Directory.CreateDirectory(machine.At("var/log/journal"));
        Directory.CreateDirectory(machine.At("etc/cni/net.d"));
        Directory.CreateDirectory(machine.At("opt/cni/bin"));
        foreach (var plugin in Directory.GetFiles(Path.Combine(KubernetesFolder.Root, "cni")))
        {
            File.Copy(plugin, machine.At($"opt/cni/bin/{Path.GetFileName(plugin)}"));
        }

        // By these, cluster-up finds the runtime's version.
        foreach (var program in new[] { "crictl", RuntimeFiles.Unit(runtime) })
        {
            File.CreateSymbolicLink(machine.At($"usr/local/bin/{program}"), $"{KubernetesFolder.InMachine}/bin/{program}");
        }

        return Task.CompletedTask;
    }

    private async Task ConnectAsync()
    {
        File.WriteAllText(_cluster.LeaderFile(Name), Machine.Leader);
        await Shell.RunAsync(null, "ip", ["netns", "attach", Namespace, Machine.Leader]).Succeeded();
        await _cluster.Network.ConnectAsync(Namespace, "mgmt0", "management", $"{Name}-mgmt", ClusterNetwork.NodeManagementMac(Number));
        await _cluster.Network.ConnectAsync(Namespace, "uplink0", "nodes", Name, ClusterNetwork.NodeMac(Number));
        await Machine.OutputAsync("sh", "-ec", $"""
            ip link set lo up
            ip address add {Address}/32 dev lo
            ip address add {ClusterNetwork.NodeManagement(Number)}/24 dev mgmt0
            sysctl -qw net.ipv4.ip_forward=1
            ip netns list | grep -q '^accoffload-dp' || ip netns add accoffload-dp
            ip link set uplink0 netns accoffload-dp
            ip -n accoffload-dp link set uplink0 up
            systemctl enable --now {RuntimeFiles.Unit(_runtime)}
            """);
    }

    private async Task RoutePodsAsync()
    {
        await Eventually.TrueAsync(async () => (Pods = await _cluster.Kubectl.GetAsync($"node {Name}", "{.spec.podCIDR}")).Length > 0,
            $"{Name} has a pod range");
        await _cluster.Network.RoutePodsAsync(Pods, Address);
    }

    private async Task ImportImagesAsync()
    {
        foreach (var archive in KubernetesFolder.Images)
        {
            foreach (var command in await ImageArchive.ImportCommandsAsync(archive, _runtime))
            {
                (await Machine.RunAsync(command)).MustSucceed();
            }
        }
    }
}
