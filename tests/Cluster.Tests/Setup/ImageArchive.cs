using System.Text.Json.Nodes;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>An image archive of <see cref="KubernetesFolder"/>.</summary>
internal static class ImageArchive
{
    // The folders of CRI-O's storage.
    private const string Storage = "/var/lib/containers/storage+/run/containers/storage";

    private static readonly string InMachine = $"{KubernetesFolder.InMachine}/images";

    /// <summary>The command by which a node's runtime takes an archive.</summary>
    public static async Task<string[][]> ImportCommandsAsync(string archive, ContainerRuntime runtime)
    {
        var file = $"{InMachine}/{Path.GetFileName(archive)}";
        return runtime == ContainerRuntime.Containerd
            ? [[$"{KubernetesFolder.InMachine}/bin/ctr", "--namespace", "k8s.io", "images", "import", file]]
            : [.. (await NamesAsync(archive)).Select(name => new[]
            {
                "env", $"LD_LIBRARY_PATH={KubernetesFolder.InMachine}/lib", $"{KubernetesFolder.InMachine}/bin/skopeo", "copy",
                $"oci-archive:{file}:{name}", $"containers-storage:[overlay@{Storage}]{name}",
            })];
    }

    private static async Task<IReadOnlyList<string>> NamesAsync(string archive)
    {
        var index = JsonNode.Parse((await Shell.RunAsync(null, "tar", ["-xOf", archive, "index.json"]).Succeeded()).Output)!;
        return [.. index["manifests"]!.AsArray().Select(m => (string)m!["annotations"]!["org.opencontainers.image.ref.name"]!)];
    }
}
