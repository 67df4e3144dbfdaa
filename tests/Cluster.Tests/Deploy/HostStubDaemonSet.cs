using ACCOffload.Cluster.Tests.Setup;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Deploy;

/// <summary>host-stub on one node of the cluster, by the commands of host-stub/deploy/README.md.</summary>
/// <param name="cluster">The cluster.</param>
/// <param name="node">The node.</param>
/// <param name="pki">The folder of the certificate authority of its ACC.</param>
internal sealed class HostStubDaemonSet(RealCluster cluster, KubernetesNode node, string pki)
{
    public const string Namespace = "accoffload";

    private const string Archive = "host-stub.tar";

    private static string Deploy => Repository.At("host-stub/deploy");

    /// <summary>Installs it, and waits until the agent is ready and the node is.</summary>
    public async Task InstallAsync()
    {
        await HostStubImage.WriteAsync(node.Machine.At($"root/{Archive}"));
        await node.Machine.OutputAsync(
            $"{KubernetesFolder.InMachine}/bin/ctr", "--namespace", "k8s.io", "images", "import", $"/root/{Archive}");
        await node.Machine.OutputAsync("rm", $"/root/{Archive}");
        await cluster.Kubectl.ApplyAsync(await RenderAsync("host-stub.yaml.in"));
        await cluster.Kubectl.ApplyAsync((await Shell.RunAsync(null, $"{Deploy}/tls-secrets",
            ["--dir", pki, "--image", HostStubImage.Name, node.Name]).Succeeded()).Output);
        await cluster.Kubectl.RunAsync($"wait --for=condition=Complete job --all --namespace {Namespace} --timeout=120s", seconds: 130);
        await cluster.Kubectl.RolloutAsync(Namespace, "daemonset/host-stub");
        await cluster.Kubectl.RunAsync($"wait --for=condition=Ready node/{node.Name} --timeout=120s", seconds: 130);
    }

    /// <summary>Restarts the agent.</summary>
    public async Task RestartAsync()
    {
        await cluster.Kubectl.RunAsync($"rollout restart daemonset/host-stub --namespace {Namespace}");
        await cluster.Kubectl.RolloutAsync(Namespace, "daemonset/host-stub");
    }

    /// <summary>Uninstalls it with everything that it keeps.</summary>
    public async Task UninstallAsync()
    {
        await cluster.Kubectl.RunAsync(
            $"drain {node.Name} --ignore-daemonsets --delete-emptydir-data --force --timeout=120s", seconds: 130);
        await cluster.Kubectl.RunAsync(
            $"delete daemonset host-stub --namespace {Namespace} --cascade=foreground --timeout=120s", seconds: 130);
        await cluster.Kubectl.ApplyAsync(await RenderAsync("uninstall.yaml.in", "PURGE=yes"));
        await cluster.Kubectl.RolloutAsync(Namespace, "daemonset/host-stub-uninstall");
        await RemoveObjectsAsync();
    }

    /// <summary>Deletes all objects in the cluster.</summary>
    public Task RemoveObjectsAsync() => cluster.DeleteNamespaceAsync(Namespace);

    private async Task<string> RenderAsync(string manifest, params string[] more) => (await Shell.RunAsync(null, $"{Deploy}/render",
    [
        manifest, $"IMAGE={HostStubImage.Name}", $"ACC_ADDRESS=https://{ClusterNetwork.NodeManagement(node.Number)}:{AccByHand.Port}",
        $$"""IPAM={ "type": "host-local", "ranges": [[{ "subnet": "{{node.Pods}}" }]] }""", "CNI_VERSION=1.1.0", "MTU=1450",
        "POD_RANGE=10.244.0.0/16,0.0.0.0/0", "HOST_SERVICES=true", $$"""NODE_SELECTOR={ kubernetes.io/hostname: {{node.Name}} }""", .. more,
    ]).Succeeded()).Output;
}
