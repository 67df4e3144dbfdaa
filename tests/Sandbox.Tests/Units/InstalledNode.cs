using System.Text.Json.Nodes;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Machines;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Sandbox.Tests.Units;

/// <summary>
/// A machine on which the published binaries and the units and configuration of rootfs are installed as a package would, and pods are added
/// as a container runtime would.
/// </summary>
internal sealed class InstalledNode : IAsyncDisposable
{
    public const string Manager = "inframanager.service";
    public const string Agent = "host-stub-agent.service";
    public const string Ports = "host-stub-ports.service";
    private const string Binaries = "/usr/lib/accoffload";
    private const string Plugin = "/opt/cni/bin/accoffload";

    private readonly Dictionary<string, JsonNode> _results = [];

    // The device kinds of all pods whose namespaces exist, also of those whose ADD failed.
    private readonly Dictionary<string, string> _kinds = [];

    private InstalledNode(BootedMachine machine) => Machine = machine;

    public BootedMachine Machine { get; }

    public static async Task<InstalledNode> StartAsync(TargetKind kind)
    {
        var node = new InstalledNode(await BootedMachine.BootAsync(machine => InstallAsync(machine, kind)));
        try
        {
            await node.Machine.OutputAsync("systemctl", "enable", "--now", Manager, Agent);
            await node.ReadyAsync();
            return node;
        }
        catch (Exception e)
        {
            var journal = await node.JournalAsync();
            await node.DisposeAsync();
            throw new InvalidOperationException($"{e.Message}\n{journal}", e);
        }
    }

    public ValueTask DisposeAsync() => Machine.DisposeAsync();

    /// <summary>The path of the drop-in with which a test changes a unit; <see cref="RestoreAsync"/> removes it.</summary>
    public static string TestDropIn(string unit) => $"/run/systemd/system/{unit}.d/trial.conf";

    /// <summary>Restores the shipped units, starts them and removes all pods.</summary>
    public async Task RestoreAsync()
    {
        var changed = false;
        foreach (var unit in new[] { Manager, Agent })
        {
            changed |= (await Machine.RunAsync(["rm", TestDropIn(unit)])).ExitCode == 0;
        }

        await Machine.OutputAsync("systemctl", "daemon-reload");
        await Machine.OutputAsync("systemctl", "reset-failed");
        await Machine.OutputAsync("systemctl", changed ? "restart" : "start", Manager, Agent);
        await ReadyAsync();
        foreach (var pod in _kinds.Keys.ToArray())
        {
            await RemovePodAsync(pod);
        }
    }

    /// <summary>Waits until STATUS succeeds and InfraManager is reconciled and has at least one endpoint.</summary>
    public Task ReadyAsync() => Eventually.TrueAsync(
        async () => (await CniAsync("STATUS", "none")).ExitCode == 0 && await StatusAsync() is { } status && (bool)status["reconciled"]!
            && (int)status["endpoints"]! >= 1,
        "agent and InfraManager are ready", seconds: 60);

    /// <summary>A unit property from `systemctl show`.</summary>
    public Task<string> ShowAsync(string unit, string property) =>
        Machine.OutputAsync("systemctl", "show", "--property", property, "--value", unit);

    public async Task<JsonNode?> StatusAsync()
    {
        var run = await Machine.RunAsync([$"{Binaries}/inframanager/inframanager", "ctl", "--json", "status"]);
        return run.ExitCode == 0 ? JsonNode.Parse(run.Output) : null;
    }

    public Task<string> JournalAsync() => Machine.OutputAsync("journalctl", "--no-pager", "--output=short-precise", "--boot");

    /// <summary>Creates a pod's network namespace, runs ADD like a runtime and returns the pod's address.</summary>
    public async Task<string> AddPodAsync(string pod, string kind = "veth")
    {
        await Machine.OutputAsync("ip", "netns", "add", pod);
        _kinds[pod] = kind;
        var run = await CniAsync("ADD", pod);
        Assert.True(run.ExitCode == 0, $"ADD {pod}: {run.Output}{run.Error}");
        _results[pod] = JsonNode.Parse(run.Output)!;
        return _results[pod]["ips"]![0]!["address"]!.GetValue<string>().Split('/')[0];
    }

    public async Task CheckPodAsync(string pod)
    {
        var run = await CniAsync("CHECK", pod);
        Assert.True(run.ExitCode == 0, $"CHECK {pod}: {run.Output}");
    }

    public async Task RemovePodAsync(string pod)
    {
        var run = await CniAsync("DEL", pod);
        Assert.True(run.ExitCode == 0, $"DEL {pod}: {run.Output}");
        await Machine.OutputAsync("ip", "netns", "delete", pod);
        _results.Remove(pod);
        _kinds.Remove(pod);
    }

    /// <summary>
    /// Sends three echo requests, which must all be answered. They are separate pings, because -W only applies until the first reply.
    /// </summary>
    public async Task PingAsync(string? pod, string address)
    {
        string[] ping = ["ping", "-n", "-c", "1", "-W", "10", address];
        for (var i = 0; i < 3; i++)
        {
            var run = await Machine.RunAsync(pod is null ? ping : ["ip", "netns", "exec", pod, .. ping]);
            Assert.True(run.ExitCode == 0, $"ping {address} from {pod ?? "the host"}:\n{run.Output}{run.Error}");
        }
    }

    private async Task<ShellResult> CniAsync(string command, string pod)
    {
        var list = JsonNode.Parse(File.ReadAllText(Machine.At("/etc/cni/net.d/10-accoffload.conflist")))!;
        var version = command == "STATUS" ? "1.1.0" : (string)list["cniVersion"]!;
        var input = NetworkJson.Request(list["plugins"]![0]!.AsObject(), version, (string)list["name"]!)
            .WithPrevious(command, _results.GetValueOrDefault(pod));
        if (_kinds.TryGetValue(pod, out var kind))
        {
            input["deviceKind"] = kind;
        }

        var variables = PluginVariables.Of(command, $"/opt/cni/bin:{Needs.CniPluginFolder}", pod, $"/run/netns/{pod}", pod);
        return await Machine.RunAsync(["env", .. variables.Select(v => $"{v.Key}={v.Value}"), Plugin], input.ToJsonString());
    }

    private static async Task InstallAsync(BootedMachine machine, TargetKind kind)
    {
        foreach (var overlay in new[] { "overlay", "overlay-host" })
        {
            await Shell.RunAsync(null, "cp",
                ["--archive", "--no-preserve=ownership", $"{Repository.Root}/rootfs/{overlay}/.", machine.Root]).Succeeded();
        }

        await Shell.RunAsync(null, "mkdir", ["-p", machine.At(Binaries), machine.At("/opt/cni/bin"), machine.At("/etc/pki/inframanager"),
            machine.At("/etc/pki/infraagent")]).Succeeded();
        foreach (var binary in new[] { Published.InfraManager, Published.HostStub })
        {
            await Shell.RunAsync(null, "cp", ["--recursive", Path.GetDirectoryName(binary)!, machine.At(Binaries)]).Succeeded();
        }

        File.CreateSymbolicLink(machine.At(Plugin), $"{Binaries}/host-stub/host-stub");
        machine.Write("/etc/cni/net.d/10-accoffload.conflist",
            File.ReadAllText($"{Repository.Root}/host-stub/examples/10-accoffload.conflist"));

        (await machine.InTreeAsync("systemd-sysusers")).MustSucceed();
        var pki = machine.At("/root/pki");
        await Shell.RunAsync(null, $"{Repository.Root}/rootfs/pki/make-certs", ["--dir", pki]).Succeeded();
        foreach (var (from, to) in new[] { ("acc-server", "inframanager/server"), ("p4rt-client", "inframanager/client"),
            ("p4rt-server", "infrap4d"), ("host-client", "infraagent/client") })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(machine.At($"/etc/pki/{to}"))!);
            Directory.Move($"{pki}/{from}", machine.At($"/etc/pki/{to}"));
        }
        (await machine.InTreeAsync("chown", "--recursive", "accoffload:", "/etc/pki/inframanager", "/etc/pki/infrap4d")).MustSucceed();
        (await machine.InTreeAsync("chown", "--recursive", "host-stub:", "/etc/pki/infraagent")).MustSucceed();

        if (kind == TargetKind.Embedded)
        {
            Directory.CreateDirectory(machine.At($"/etc/systemd/system/{Manager}.d"));
            File.CreateSymbolicLink(machine.At($"/etc/systemd/system/{Manager}.d/embedded.conf"), "/usr/share/accoffload/embedded.conf");
            return;
        }

        machine.Write($"/etc/systemd/system/{Manager}.d/target.conf", """
            [Unit]
            Wants=infrap4d.service
            [Service]
            Environment=ACCOFFLOAD_Target__Kind=external
            Environment=ACCOFFLOAD_Target__P4Runtime=https://127.0.0.1:9559 ACCOFFLOAD_Target__Gnmi=https://127.0.0.1:9559
            Environment=ACCOFFLOAD_Target__ServerRole=urn:accoffload:role:p4rt-server
            """);
        machine.Write("/etc/systemd/system/infrap4d.service", $"""
            [Service]
            Type=exec
            User=accoffload
            AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN CAP_SYS_ADMIN
            Environment=ACCOFFLOAD_SoftTarget__CertificateFile=/etc/pki/infrap4d/tls.crt ACCOFFLOAD_SoftTarget__KeyFile=/etc/pki/infrap4d/tls.key
            Environment=ACCOFFLOAD_SoftTarget__CaFile=/etc/pki/infrap4d/ca.crt
            ExecStart={Binaries}/inframanager/inframanager soft-target --config /etc/accoffload/inframanager.json --listen 127.0.0.1:9559
            """);
    }
}
