using System.Text.Json.Nodes;
using ACCOffload.Cluster.Tests.Setup;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Deploy;

/// <summary>The ACC's side of a node as docs/install.md installs it from a package; nothing of the host's side.</summary>
internal static class AccByHand
{
    public const int Port = 50002;

    /// <summary>The host's address in the pipeline.</summary>
    public const string HostAddress = "200.1.1.2";

    /// <summary>Installs InfraManager and waits until its tables are verified.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="node">The machine.</param>
    /// <param name="pki">The folder of the certificate authority, which is created.</param>
    public static async Task StartAsync(RealCluster cluster, KubernetesNode node, string pki)
    {
        await Shell.RunAsync(null, Repository.At("rootfs/pki/make-certs"),
            ["--dir", pki, "--acc-names", $"accoffload-acc,{ClusterNetwork.NodeManagement(node.Number)}"]).Succeeded();
        var kubeconfig = Path.Combine(pki, "kubeconfig");
        await Shell.RunAsync(null, Repository.At("rootfs/kubernetes/make-kubeconfig"),
        [
            "--server", $"https://{ClusterNetwork.ControlManagement}:6443", "--out", kubeconfig, "--kubectl", cluster.Kubectl.Command,
        ]).Succeeded();
        var package = Directory.GetFiles(Repository.At("out/packages"), $"accoffload-inframanager-*-{Published.Rid}.tar.gz").Single();
        File.Copy(package, node.Machine.At("root/inframanager.tar.gz"));
        await node.Machine.OutputAsync("sh", "-ec", """
            mkdir /root/inframanager
            tar -C /root/inframanager --strip-components=1 -xzf /root/inframanager.tar.gz
            /root/inframanager/install
            mkdir -p /etc/systemd/system/inframanager.service.d
            ln -s /usr/share/accoffload/embedded.conf /etc/systemd/system/inframanager.service.d/
            """);
        foreach (var name in new[] { "tls.crt", "tls.key", "ca.crt" })
        {
            await PutAsync($"/etc/pki/inframanager/server/{name}", await File.ReadAllTextAsync(Path.Combine(pki, "acc-server", name)));
        }

        await PutAsync("/etc/accoffload/kubeconfig", await File.ReadAllTextAsync(kubeconfig));
        await node.Machine.WriteAsync("/etc/accoffload/inframanager.json", Configuration(node).ToJsonString());
        await node.Machine.OutputAsync("systemctl", "daemon-reload");
        await node.Machine.OutputAsync("systemctl", "enable", "--now", "accoffload-ports", "inframanager");
        await node.Machine.OutputAsync("inframanager", "ctl", "status", "--wait", "120");

        async Task PutAsync(string path, string content)
        {
            await node.Machine.WriteAsync(path, content);
            await node.Machine.OutputAsync("chown", "accoffload:", path);
            await node.Machine.OutputAsync("chmod", "0600", path);
        }
    }

    private static JsonObject Configuration(KubernetesNode node) => new()
    {
        ["Node"] = new JsonObject
        {
            ["Name"] = node.Name,
            ["Uplink"] = new JsonObject
            {
                ["Port"] = "uplink0",
                ["Mac"] = ClusterNetwork.NodeMac(node.Number),
                ["Addresses"] = new JsonArray($"{node.Address}/24"),
                ["Routes"] = new JsonArray($"0.0.0.0/0 via {ClusterNetwork.Router}"),
            },
            ["HostAddresses"] = new JsonArray(HostAddress),
            ["ClusterRanges"] = new JsonArray("10.244.0.0/16"),
        },
        ["Api"] = new JsonObject { ["Listen"] = $"0.0.0.0:{Port}" },
        ["SoftTarget"] = new JsonObject { ["PortNamespace"] = "/run/netns/accoffload-dp" },
        ["Logging"] = new JsonObject { ["Format"] = "systemd" },
    };
}
