using System.Text.Json.Nodes;
using ACCOffload.Image.Tests.Packages;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Machines;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Cluster;

/// <summary>
/// A bare machine with a real systemd that is both the node and its ACC, reached through a fake ssh, and a cluster with a fake API server.
/// cluster-up runs outside the machine, except in <see cref="RunInMachineAsync"/>. The machine has a persistent journal.
/// </summary>
internal sealed class ClusterNode : IAsyncDisposable
{
    /// <summary>The node's internal address in the cluster.</summary>
    public const string NodeAddress = "192.0.2.2";

    private const string Token = "the-token-of-the-account";

    // State of systemd itself, and the journal.
    private static readonly string[] Volatile =
    [
        "/proc", "/sys", "/dev", "/run/systemd/units", "/run/systemd/journal/streams", "/run/systemd/propagate", "/run/systemd/incoming",
        "/run/systemd/unit-root", "/run/systemd/transient", "/run/udev", "/run/log/journal", "/var/log/journal/@",
        // Backup and lock files that systemd-sysusers and userdel always leave.
        "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock",
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("accoffload-cluster-").FullName;
    private readonly TestPki _pki = new(DateTimeOffset.UtcNow);
    private readonly BuiltPackages _packages;
    private readonly string _id;

    private ClusterNode(BuiltPackages packages, BootedMachine machine)
    {
        _packages = packages;
        Machine = machine;
        _id = File.ReadAllText(machine.At("etc/machine-id")).Trim();
    }

    public BootedMachine Machine { get; }

    public FakeApiServer Api { get; private set; } = null!;

    /// <summary>The state folder of cluster-up.</summary>
    public string State => Path.Combine(_folder, "state");

    public static async Task<ClusterNode> StartAsync(BuiltPackages packages)
    {
        var machine = await BootedMachine.BootAsync(m =>
        {
            // A persistent journal, and another network's CNI configuration.
            Directory.CreateDirectory(m.At("var/log/journal"));
            m.Write("etc/cni/net.d/99-bridge.conflist", "{}");
            return Task.CompletedTask;
        });
        var node = new ClusterNode(packages, machine);
        try
        {
            File.WriteAllText(node.At("leader"), machine.Leader);
            File.WriteAllText(node.At("token"), Token);
            File.WriteAllText(node.At("ca.crt"), node._pki.Authority.ExportCertificatePem());
            await machine.OutputAsync("ip", "link", "set", "lo", "up");
            await Shell.RunAsync(null, "ip", ["netns", "attach", machine.Name, machine.Leader]).Succeeded();
            node.Api = await FakeApiServer.StartAsync(node._pki.IssueServer(), machine.Name);
            node.Api.Allows = context => context.Request.Headers.Authorization == $"Bearer {Token}";
            await machine.OutputAsync("ip", "address", "add", $"{NodeAddress}/32", "dev", "lo");
            node.Api.Put(
                Kube.Node("node-1", "a").WithAddresses([NodeAddress], "10.244.1.0/24", "fd00:1::/64"),
                Kube.ServiceRange("kubernetes", "10.96.0.0/12"), Kube.Web());
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    public Task<ShellResult> UpAsync(params string[] parameters) => RunAsync("cluster-up",
    [
        "HOST=root@node", "ACC=root@acc", $"SSH={Script("connect")} {_folder}", $"KUBECTL={Script("kubectl")} {_folder}",
        "ACC_ADDRESS=127.0.0.1", $"API_SERVER={Api.Address}", $"PACKAGES={_packages.Folder}", .. parameters,
    ]);

    /// <summary>
    /// Runs cluster-up or cluster-down on the machine itself without a cluster; needs <see cref="CopyRepositoryAsync"/>.
    /// </summary>
    public Task<ShellResult> RunInMachineAsync(string script, params string[] parameters) =>
        Machine.RunAsync([$"/root/repository/rootfs/cluster/{script}", "NODE=node-1", "STATE=/root/state", .. parameters]);

    public async Task CopyRepositoryAsync()
    {
        Directory.CreateDirectory(Machine.At("root/repository/out"));
        await Shell.RunAsync(null, "cp", ["--recursive", $"{Repository.Root}/rootfs", Machine.At("root/repository")]).Succeeded();
        Directory.CreateDirectory(Machine.At("root/repository/out/packages"));
        foreach (var tarball in Directory.GetFiles(_packages.Folder, "*.tar.gz"))
        {
            File.Copy(tarball, Path.Combine(Machine.At("root/repository/out/packages"), Path.GetFileName(tarball)));
        }
    }

    /// <summary>Makes the machine an ACC without cluster-up: package, certificate, configuration. Returns the folder of its CA.</summary>
    public async Task<string> ProvisionAccAsync()
    {
        var authority = At("authority");
        await Shell.RunAsync(null, $"{Repository.Root}/rootfs/pki/make-certs", ["--dir", authority]).Succeeded();
        await Shell.RunAsync(null, "tar", ["-C", Machine.At("root"), "-xzf", _packages.File("accoffload-inframanager-*.tar.gz")])
            .Succeeded();
        await Machine.OutputAsync("sh", "-c", "/root/accoffload-inframanager-*/install && rm -r /root/accoffload-inframanager-*");
        foreach (var name in new[] { "tls.crt", "tls.key", "ca.crt" })
        {
            await Machine.WriteAsync($"/etc/pki/inframanager/server/{name}",
                await File.ReadAllTextAsync(Path.Combine(authority, "acc-server", name)));
        }

        await Machine.OutputAsync("sh", "-c",
            "chown accoffload: /etc/pki/inframanager/server/* && chmod 0600 /etc/pki/inframanager/server/*");
        await Machine.WriteAsync("/etc/accoffload/inframanager.json",
            InfraManagerJson.Create(hostAddress: "200.1.1.2").Set("Logging:Format", "systemd").ToJsonString());
        await Machine.OutputAsync("sh", "-c",
            "mkdir -p /etc/systemd/system/inframanager.service.d && ln -s /usr/share/accoffload/embedded.conf "
            + "/etc/systemd/system/inframanager.service.d/");
        await Machine.OutputAsync("inframanager", "prepare");
        await Machine.OutputAsync("systemctl", "daemon-reload");
        await Machine.OutputAsync("systemctl", "enable", "--now", "inframanager");
        await Machine.OutputAsync("inframanager", "ctl", "status", "--wait", "60");
        return authority;
    }

    public Task<ShellResult> DownAsync(params string[] parameters) => RunAsync("cluster-down", parameters);

    /// <summary>
    /// Makes the next run fail at a call of a step: instead of the call (before), or after it with its result lost (after).
    /// </summary>
    public void InjectFault(string step, int call, string when)
    {
        File.Delete(At("calls"));
        File.WriteAllText(At("fault"), $"{step} {call} {when}\n");
    }

    /// <summary>Whether the last <see cref="InjectFault"/> had no effect, because the step makes fewer calls.</summary>
    public bool FaultUnused => File.Exists(At("fault"));

    /// <summary>Registers a pod that the test added itself, so that the fake kubectl can drain it.</summary>
    public void RegisterPod(string name)
    {
        Directory.CreateDirectory(At("pods"));
        File.WriteAllText(At($"pods/{name}"), "");
    }

    /// <summary>The calls of the fake kubectl, in order.</summary>
    public string[] KubectlCalls => File.Exists(At("kubectl-calls")) ? File.ReadAllLines(At("kubectl-calls")) : [];

    /// <summary>The status of InfraManager; null if it does not run.</summary>
    public async Task<JsonNode?> StatusAsync()
    {
        var run = await Machine.RunAsync(["inframanager", "ctl", "--json", "status"]);
        return run.ExitCode == 0 ? JsonNode.Parse(run.Output) : null;
    }

    /// <summary>
    /// A snapshot of the machine: every file with mode, owner and content, links, addresses, routes, mounts, accounts and failed units.
    /// </summary>
    public async Task<SortedDictionary<string, string>> ListAsync()
    {
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var skipped = string.Join(" -o ", Volatile.Select(v => $"-path '{v.Replace("@", _id, StringComparison.Ordinal)}'"));
        var files = await Machine.OutputAsync("sh",
            "-c", $@"find / /run /tmp \( {skipped} \) -prune -o -printf '%p\t%y %m %U %G %l\n' | sort -u");
        foreach (var line in files.Split('\n'))
        {
            all[line.Split('\t')[0]] = line.Split('\t')[1];
        }

        var sums = await Machine.OutputAsync("sh",
            "-c", $@"find /etc /var /opt /root /usr/local \( {skipped} \) -prune -o -type f -exec sha256sum {{}} +");
        foreach (var line in sums.Split('\n'))
        {
            all[line[66..]] += $" {line[..64]}";
        }
        // Without namespace IDs: the kernel assigns one at the first lookup of a link's peer and keeps it.
        foreach (var command in new[] { "ip -brief link", "ip -4 address", "ip route", "ip rule", "ip netns list | cut -d' ' -f1",
            "findmnt --noheadings --list --output TARGET,FSTYPE", "getent passwd", "getent group",
            "systemctl list-units --no-legend --plain --failed" })
        {
            all["output of " + command] = await Machine.OutputAsync("sh", "-c", command);
        }

        return all;
    }

    public async ValueTask DisposeAsync()
    {
        if (Api is not null)
        {
            await Api.DisposeAsync();
        }
        // Only removes the name under which the test attached the machine's namespace.
        await Shell.RunAsync(null, "ip", ["netns", "delete", Machine.Name]);
        await Machine.DisposeAsync();
        _pki.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static string Script(string name) => Path.Combine(Repository.Root, "tests/Image.Tests/Cluster", name);

    private string At(string name) => Path.Combine(_folder, name);

    private Task<ShellResult> RunAsync(string script, string[] parameters) =>
        Shell.RunAsync(null, Path.Combine(Repository.Root, "rootfs/cluster", script), ["NODE=node-1", $"STATE={State}", .. parameters],
            limit: TimeSpan.FromMinutes(5));
}
