using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Machines;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Deploy;

/// <summary>
/// The image of host-stub/deploy/Containerfile as an OCI archive with one layer, made without a container engine. Its base is the Debian
/// tree of the test machines.
/// </summary>
internal static class HostStubImage
{
    public const string Name = "registry.example/accoffload-host-stub:0.1.0";

    private const string LayerType = "application/vnd.oci.image.layer.v1.tar";
    private const string ConfigType = "application/vnd.oci.image.config.v1+json";
    private const string ManifestType = "application/vnd.oci.image.manifest.v1+json";

    /// <summary>Writes the archive.</summary>
    /// <param name="archive">Its path.</param>
    public static async Task WriteAsync(string archive)
    {
        var folder = Directory.CreateTempSubdirectory("accoffload-image-").FullName;
        try
        {
            var (root, layout) = (Path.Combine(folder, "root"), Path.Combine(folder, "layout"));
            await FillAsync(root);
            var blobs = Directory.CreateDirectory(Path.Combine(layout, "blobs/sha256")).FullName;
            var layer = Path.Combine(folder, "layer");
            await RunAsync("tar", "--create", $"--file={layer}", $"--directory={root}", ".");
            var described = await DescribeAsync(layer, LayerType);
            File.Move(layer, Path.Combine(blobs, Digest(described)));
            var config = await WriteJsonAsync(blobs, ConfigType, new JsonObject
            {
                ["architecture"] = Published.Rid.EndsWith("arm64", StringComparison.Ordinal) ? "arm64" : "amd64",
                ["os"] = "linux",
                ["config"] = new JsonObject
                {
                    ["Env"] = new JsonArray("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
                    ["Entrypoint"] = new JsonArray("/usr/lib/accoffload/host-stub/host-stub"),
                },
                ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray((string)described["digest"]!) },
            });
            var manifest = await WriteJsonAsync(blobs, ManifestType, new JsonObject
            {
                ["schemaVersion"] = 2,
                ["mediaType"] = ManifestType,
                ["config"] = config,
                ["layers"] = new JsonArray(described),
            });
            manifest["annotations"] = new JsonObject
            {
                ["org.opencontainers.image.ref.name"] = Name,
                ["io.containerd.image.name"] = Name,
            };
            File.WriteAllText(Path.Combine(layout, "oci-layout"), """{ "imageLayoutVersion": "1.0.0" }""");
            File.WriteAllText(Path.Combine(layout, "index.json"),
                new JsonObject { ["schemaVersion"] = 2, ["manifests"] = new JsonArray(manifest) }.ToJsonString());
            await RunAsync("tar", "--create", $"--file={archive}", $"--directory={layout}", "oci-layout", "index.json", "blobs");
        }
        finally
        {
            await RunAsync("rm", "-rf", "--one-file-system", folder);
        }
    }

    // What the Containerfile copies.
    private static async Task FillAsync(string root)
    {
        await RunAsync("cp", "--archive", "--reflink=auto", await MachineTree.EnsureAsync(), root);
        var binaries = Directory.CreateDirectory(Path.Combine(root, "usr/lib/accoffload")).FullName;
        await RunAsync("cp", "--archive", Path.GetDirectoryName(Published.HostStub)!, binaries);
        await RunAsync("cp", "--archive", Repository.At("host-stub/deploy/node"), Path.Combine(root, "usr/bin/node-setup"));
    }

    private static async Task<JsonObject> WriteJsonAsync(string blobs, string type, JsonObject content)
    {
        var file = Path.Combine(blobs, "new");
        await File.WriteAllTextAsync(file, content.ToJsonString());
        var described = await DescribeAsync(file, type);
        File.Move(file, Path.Combine(blobs, Digest(described)));
        return described;
    }

    private static async Task<JsonObject> DescribeAsync(string file, string type)
    {
        await using var stream = File.OpenRead(file);
        return new JsonObject
        {
            ["mediaType"] = type,
            ["digest"] = $"sha256:{Convert.ToHexStringLower(await SHA256.HashDataAsync(stream))}",
            ["size"] = stream.Length,
        };
    }

    private static string Digest(JsonObject described) => ((string)described["digest"]!).Split(':')[1];

    private static async Task RunAsync(string program, params string[] arguments) =>
        await Shell.RunAsync(null, program, arguments, limit: TimeSpan.FromMinutes(3)).Succeeded();
}
