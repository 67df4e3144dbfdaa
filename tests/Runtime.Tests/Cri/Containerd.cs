using System.Globalization;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Runtime.Tests.Cri;

/// <summary>
/// Debian's containerd in the lab's host namespace, with all its files below the lab's folder and the plugin in its
/// CNI directory as in an installation.
/// </summary>
internal sealed class Containerd : IAsyncDisposable
{
    private const string CgroupRoot = "/sys/fs/cgroup";

    private readonly Lab _lab;
    private readonly BackgroundProcess _process;
    private readonly string _cgroup;

    private Containerd(Lab lab, BackgroundProcess process, string cgroup)
    {
        _lab = lab;
        _process = process;
        _cgroup = cgroup;
        Cri = new CriClient(SocketOf(lab), $"/{cgroup}");
    }

    public CriClient Cri { get; }

    public string Log => _process.Log;

    /// <summary>The directory of the pods' network namespaces.</summary>
    public string NamespaceFolder => Path.Combine(Folder(_lab), "state", "io.containerd.grpc.v1.cri", "netns");

    public static async Task<Containerd> StartAsync(Lab lab)
    {
        Directory.CreateDirectory(Folder(lab));
        foreach (var plugin in new[] { "host-local", "loopback" })
        {
            File.CreateSymbolicLink(lab.At($"cni-bin/{plugin}"), $"/usr/lib/cni/{plugin}");
        }

        Directory.CreateDirectory(lab.At("cni-conf"));
        // Version and capabilities as shipped; 1.0.0 is the newest that this containerd supports.
        var list = JsonNode.Parse(await File.ReadAllTextAsync(lab.At("10-accoffload.conflist")))!;
        var shipped = JsonNode.Parse(await File.ReadAllTextAsync($"{Repository.Root}/host-stub/examples/10-accoffload.conflist"))!;
        list["cniVersion"] = (string)shipped["cniVersion"]!;
        list["plugins"]![0]!["capabilities"] = shipped["plugins"]![0]!["capabilities"]!.DeepClone();
        await File.WriteAllTextAsync(lab.At("cni-conf/10-accoffload.conflist"), list.ToJsonString());

        var snapshotter = await SnapshotterAsync(lab);
        var configuration = Path.Combine(Folder(lab), "config.toml");
        await File.WriteAllTextAsync(configuration, Configuration(lab, snapshotter));
        var cgroup = $"accoffload-{Path.GetFileName(lab.Folder).ToLowerInvariant()}";
        var process = new BackgroundProcess(lab.HostNamespace, Programs.Containerd!, ["--config", configuration]);
        var containerd = new Containerd(lab, process, cgroup);
        try
        {
            await containerd.PrepareAsync(snapshotter);
            return containerd;
        }
        catch
        {
            await containerd.DisposeAsync();
            throw;
        }
    }

    /// <summary>The shim processes of this containerd, identified by its socket on their command line.</summary>
    public IReadOnlyList<int> Shims()
    {
        var shims = new List<int>();
        foreach (var folder in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                continue;
            }

            try
            {
                var words = File.ReadAllText($"{folder}/cmdline").Split('\0');
                if (Path.GetFileName(words[0]) == "containerd-shim-runc-v2" && words.Contains(SocketOf(_lab)))
                {
                    shims.Add(id);
                }
            }
            catch (IOException)
            {
                // The process has exited.
            }
        }

        return shims;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await RemoveAllAsync();
        }

        Cri.Dispose();
        await _process.StopAsync();
        await _process.DisposeAsync();
        foreach (var shim in Shims())
        {
            await Shell.RunAsync(null, "kill", ["-KILL", $"{shim}"]);
        }

        await Eventually.TrueAsync(() => Task.FromResult(Shims().Count == 0), "the containers' shims exit");
        await UnmountAsync();
        RemoveCgroups();
    }

    private static string Folder(Lab lab) => lab.At("containerd");

    private static string SocketOf(Lab lab) => lab.At("containerd/containerd.sock");

    private static string Configuration(Lab lab, string snapshotter) =>
        $"""
        version = 2
        root = "{Folder(lab)}/root"
        state = "{Folder(lab)}/state"
        disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]

        [grpc]
          address = "{SocketOf(lab)}"

        [plugins."io.containerd.grpc.v1.cri"]
          sandbox_image = "{BusyboxImage.Name}"
          restrict_oom_score_adj = true
          disable_apparmor = true
          netns_mounts_under_state_dir = true

          [plugins."io.containerd.grpc.v1.cri".cni]
            bin_dir = "{lab.At("cni-bin")}"
            conf_dir = "{lab.At("cni-conf")}"

          [plugins."io.containerd.grpc.v1.cri".containerd]
            snapshotter = "{snapshotter}"
            default_runtime_name = "runc"

            [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
              runtime_type = "io.containerd.runc.v2"

              [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
                BinaryName = "{Programs.Runc}"
                SystemdCgroup = false
        """;

    // Overlayfs needs an upper directory on a suitable file system, which the temporary folder's may not be.
    private static async Task<string> SnapshotterAsync(Lab lab)
    {
        var probe = lab.At("containerd/probe");
        foreach (var folder in new[] { "lower", "upper", "work", "merged" })
        {
            Directory.CreateDirectory(Path.Combine(probe, folder));
        }

        var mount = await Shell.RunAsync(
            null, "mount",
            ["-t", "overlay", "overlay", "-o", $"lowerdir={probe}/lower,upperdir={probe}/upper,workdir={probe}/work", $"{probe}/merged"]);
        if (mount.ExitCode != 0)
        {
            return "native";
        }

        (await Shell.RunAsync(null, "umount", [$"{probe}/merged"])).MustSucceed();
        return "overlayfs";
    }

    private async Task PrepareAsync(string snapshotter)
    {
        await Eventually.TrueAsync(
            async () => !_process.HasExited ? await Cri.IsReadyAsync() : throw new InvalidOperationException($"containerd exited:\n{Log}"),
            () => $"containerd is ready; its log:\n{Log}",
            seconds: 60);
        var image = _lab.At("containerd/busybox.tar");
        await BusyboxImage.WriteAsync(image);
        (await Shell.RunAsync(
            null, Programs.Ctr!, ["--address", SocketOf(_lab), "--namespace", "k8s.io", "images", "import", "--snapshotter", snapshotter,
                image])).MustSucceed();
        await Eventually.TrueAsync(() => Cri.HasImageAsync(BusyboxImage.Name), "the runtime sees the imported image");
    }

    private async Task RemoveAllAsync()
    {
        try
        {
            foreach (var sandbox in await Cri.SandboxesAsync())
            {
                await Cri.RemoveSandboxAsync(sandbox.Id);
            }
        }
        catch (Grpc.Core.RpcException)
        {
            // Whatever is left is killed and unmounted below.
        }
    }

    private async Task UnmountAsync()
    {
        var below = File.ReadLines("/proc/self/mountinfo")
            .Select(line => line.Split(' ')[4])
            .Where(point => point.StartsWith(Folder(_lab) + "/", StringComparison.Ordinal))
            .OrderByDescending(point => point.Length);
        foreach (var point in below.ToArray())
        {
            await Shell.RunAsync(null, "umount", ["--lazy", point]);
        }
    }

    // Cgroup directories are removed one by one, children first.
    private void RemoveCgroups()
    {
        foreach (var root in Directory.GetDirectories(CgroupRoot).Append(CgroupRoot))
        {
            var folder = Path.Combine(root, _cgroup);
            if (!Directory.Exists(folder))
            {
                continue;
            }

            foreach (var child in Directory.GetDirectories(folder, "*", SearchOption.AllDirectories).OrderByDescending(path => path.Length)
                .Append(folder))
            {
                try
                {
                    Directory.Delete(child);
                }
                catch (IOException)
                {
                    // A process is still exiting; leaving an empty cgroup behind is harmless.
                }
            }
        }
    }
}
