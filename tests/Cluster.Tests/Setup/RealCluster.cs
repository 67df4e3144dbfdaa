using System.Security.Cryptography;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>
/// A real Kubernetes on one machine: a control plane, and nodes that cluster-up has set up with the packages of 'make package'. There is no
/// kube-proxy. The cluster's DNS is CoreDNS.
/// </summary>
public sealed class RealCluster : IAsyncLifetime
{
    internal const string Agnhost = "registry.k8s.io/e2e-test-images/agnhost:2.63.0";
    internal const string Busybox = "registry.k8s.io/e2e-test-images/busybox:1.37.0-1";

    /// <summary>How many nodes the cluster has at first, and at most.</summary>
    internal const int FirstNodes = 2;
    internal const int MaxNodes = 3;

    private readonly string _folder = Directory.CreateTempSubdirectory("accoffload-kubernetes-").FullName;
    private readonly List<KubernetesNode> _nodes = [];

    internal ClusterNetwork Network { get; private set; } = null!;

    internal ControlPlane Control { get; private set; } = null!;

    internal Kubectl Kubectl => Control.Kubectl;

    /// <summary>The nodes that all tests share.</summary>
    internal IReadOnlyList<KubernetesNode> Nodes => _nodes;

    internal string Kubeconfig => PkiFile("admin.kubeconfig");

    public async ValueTask InitializeAsync()
    {
        if (KubernetesFolder.Missing is not null)
        {
            return;
        }

        try
        {
            Network = await ClusterNetwork.CreateAsync();
            Control = await ControlPlane.StartAsync(_folder, Network, Enumerable.Range(1, MaxNodes).Select(KubernetesNode.NameOf));
            for (var number = 1; number <= FirstNodes; number++)
            {
                _nodes.Add(await KubernetesNode.StartAsync(this, number, ContainerRuntime.Containerd));
                (await _nodes[^1].UpAsync()).MustSucceed();
            }

            await Kubectl.ApplyAsync(File.ReadAllText(Repository.At("tests/Cluster.Tests/Setup/coredns.yaml")));
            await ReadyAsync();
        }
        catch
        {
            // xunit disposes a fixture that did not start, too.
            await SaveLogsAsync("start");
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        if (Control is not null)
        {
            await Control.DisposeAsync();
        }

        if (Network is not null)
        {
            await Network.DisposeAsync();
        }

        await Shell.RunAsync(null, "rm", ["-rf", "--one-file-system", _folder]);
    }

    /// <summary>
    /// Waits until all nodes are ready, all deployments are available, the cluster's DNS among them, and nothing is left of former tests.
    /// </summary>
    internal async Task ReadyAsync()
    {
        await Kubectl.RunAsync("wait --for=condition=Ready nodes --all --timeout=120s", seconds: 130);
        await Kubectl.RunAsync("wait --for=condition=Available deployments --all --all-namespaces --timeout=120s", seconds: 130);
        // The suite deletes its namespaces without waiting.
        await Eventually.TrueAsync(
            async () => !(await Kubectl.RunAsync("get namespaces --no-headers")).Contains("Terminating", StringComparison.Ordinal),
            "no namespace is being deleted", seconds: 180);
    }

    internal async Task<string> CreateNamespaceAsync()
    {
        var name = $"test-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3))}";
        await Kubectl.RunAsync($"create namespace {name}");
        return name;
    }

    /// <summary>Deletes a namespace and waits until its pods are gone.</summary>
    internal Task DeleteNamespaceAsync(string name) =>
        Kubectl.RunAsync($"delete namespace {name} --ignore-not-found --timeout=180s", seconds: 190);

    /// <summary>The folder for the logs of a failed test.</summary>
    internal string LogFolder(string test) => Directory.CreateDirectory(Repository.At($"out/cluster-test/{test}")).FullName;

    /// <summary>Writes the logs of the control plane and of all nodes.</summary>
    internal async Task SaveLogsAsync(string test)
    {
        var folder = LogFolder(test);
        var logs = Path.Combine(_folder, "logs");
        foreach (var log in Directory.Exists(logs) ? Directory.GetFiles(logs) : [])
        {
            File.Copy(log, Path.Combine(folder, Path.GetFileName(log)), overwrite: true);
        }

        if (Control is not null)
        {
            foreach (var what in new[] { "nodes", "pods", "services", "endpointslices", "events" })
            {
                await File.WriteAllTextAsync(Path.Combine(folder, $"{what}.txt"),
                    (await Kubectl.TryAsync($"get {what} --all-namespaces --output wide")).Output);
            }
        }

        foreach (var node in _nodes)
        {
            await node.SaveLogsAsync(folder);
        }
    }

    internal string PkiFile(string name) => Path.Combine(_folder, "pki", name);

    /// <summary>The file with the PID of a machine's init process.</summary>
    internal string LeaderFile(string node) => Path.Combine(_folder, $"{node}.leader");

    /// <summary>Runs one of rootfs/cluster as an administrator would, with kubectl and something like ssh.</summary>
    internal Task<ShellResult> RunScriptAsync(string script, string[] parameters) =>
        Shell.RunAsync(null, Repository.At($"rootfs/cluster/{script}"),
        [
            $"SSH={Repository.At("tests/Cluster.Tests/Setup/connect")} {_folder}", $"KUBECTL={Kubectl.Command}",
            $"STATE={Path.Combine(_folder, "state")}", .. parameters,
        ], limit: TimeSpan.FromMinutes(8));
}
