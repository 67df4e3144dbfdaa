using System.Text.Json;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Labs;

public sealed record LabOptions
{
    /// <summary>Runs the soft target in a separate process, so that the control plane can be killed while traffic flows.</summary>
    public bool SeparateTarget { get; init; }

    /// <summary>Starts no processes; the test starts those it needs.</summary>
    public bool Bare { get; init; }

    /// <summary>A compiled pipeline other than the product's.</summary>
    public string? PipelineDirectory { get; init; }
}

/// <summary>
/// One node with its ACC in separate network namespaces: the ACC (inframanager), the host (the agent and the CNI
/// plugin), the data-plane ends of the ports, and pods. ACC and host communicate over mutual TLS on a management link.
/// </summary>
public sealed class Lab : IAsyncDisposable
{
    private const string AccAddress = "192.0.2.1";
    private readonly Namespaces _namespaces = new();
    private readonly LabOptions _options;

    private Lab(LabOptions options)
    {
        _options = options;
        Folder = Directory.CreateTempSubdirectory("accoffload-lab-").FullName;
    }

    public string Folder { get; }

    public string AccNamespace => $"{_namespaces.Prefix}-acc";

    public string HostNamespace => $"{_namespaces.Prefix}-host";

    public string PortNamespace => $"{_namespaces.Prefix}-ports";

    public string ControlSocket => At("control.sock");

    public string TargetSocket => At("p4runtime.sock");

    public string ManagerConfig => At("inframanager.json");

    public string AgentConfig => At("host-stub.json");

    public string Pki => At("pki");

    public BackgroundProcess? Manager { get; private set; }

    public BackgroundProcess? Target { get; private set; }

    public BackgroundProcess? Agent { get; private set; }

    public static async Task<Lab> StartAsync(LabOptions? options = null)
    {
        var lab = new Lab(options ?? new LabOptions());
        try
        {
            await lab.BuildAsync();
            if (!lab._options.Bare)
            {
                if (lab._options.SeparateTarget)
                {
                    await lab.StartTargetAsync();
                }

                await lab.StartManagerAsync();
                await lab.StartAgentAsync();
            }

            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    /// <summary>CNI_PATH: ours and the test's, then Debian's.</summary>
    public string PluginPath => $"{At("cni-bin")}:{Needs.CniPluginFolder}";

    public string At(string name) => Path.Combine(Folder, name);

    /// <summary>Changes inframanager's configuration; takes effect at its next start.</summary>
    public void ChangeManagerConfig(Action<JsonNode> change) => Change(ManagerConfig, change);

    /// <summary>Changes the agent's configuration; takes effect at its next start.</summary>
    public void ChangeAgentConfig(Action<JsonNode> change) => Change(AgentConfig, change);

    /// <summary>
    /// Has the target create these TAPs before the pipeline is pushed; pods and host get one each. Takes effect at the next start of
    /// inframanager and the agent.
    /// </summary>
    public void UsePool(params string[] ports)
    {
        ChangeManagerConfig(c => c["Target"]!["Ports"] = new JsonArray([.. ports.Select(p => JsonValue.Create(p))]));
        ChangeAgentConfig(c =>
        {
            c["Device"]!["Kind"] = "tap";
            c["HostInterface"]!["DeviceKind"] = "tap";
        });
    }

    public async Task StartTargetAsync()
    {
        File.Delete(TargetSocket);
        Target = new BackgroundProcess(
            AccNamespace, Published.InfraManager, ["soft-target", "--config", ManagerConfig, "--listen", $"unix:{TargetSocket}",
                "--port-namespace", $"/run/netns/{PortNamespace}"]);
        await Eventually.TrueAsync(
            () => Alive(Target, "soft-target") && File.Exists(TargetSocket)
                ? Task.FromResult(true)
                : Task.FromResult(false), "the soft target listens");
    }

    public async Task StartManagerAsync(bool waitReady = true)
    {
        Manager = new BackgroundProcess(AccNamespace, Published.InfraManager, ["run", "--config", ManagerConfig]);
        if (waitReady)
        {
            await WaitReadyAsync();
        }
    }

    public Task WaitReadyAsync() =>
        Eventually.TrueAsync(
            async () => Alive(Manager!, "inframanager") && await TryControlAsync("status") is { } status
                && status["canAttach"]?.GetValue<bool>() == true && status["reconciled"]?.GetValue<bool>() == true,
            () => $"inframanager ready and reconciled; its log:\n{Manager!.Log}");

    public async Task StartAgentAsync(bool waitReady = true)
    {
        Agent = new BackgroundProcess(HostNamespace, Published.HostStub, ["agent", "--config", AgentConfig]);
        if (waitReady)
        {
            await Eventually.TrueAsync(
                async () => Alive(Agent, "host-stub agent") && (await PluginAsync("STATUS", null)).ExitCode == 0,
                () => $"the agent is ready; its log:\n{Agent.Log}\ninframanager's log:\n{Manager?.Log}");
        }
    }

    /// <summary>Waits for the host's interface. With a pool of ports, it appears only after the agent is ready.</summary>
    public Task WaitHostInterfaceAsync() => Eventually.TrueAsync(
        async () => (await Shell.RunLineAsync(HostNamespace, "ip link show accoffload0")).ExitCode == 0,
        () => $"the host has its interface; the agent's log:\n{Agent!.Log}");

    /// <summary>`inframanager ctl … --json`, parsed.</summary>
    public async Task<JsonNode> ControlAsync(params string[] arguments)
    {
        var result = await Shell.RunAsync(null, Published.InfraManager, ["ctl", "--socket", ControlSocket, "--json", .. arguments]);
        result.MustSucceed();
        return JsonNode.Parse(result.Output)!;
    }

    public async Task<JsonNode?> TryControlAsync(params string[] arguments)
    {
        if (!File.Exists(ControlSocket))
        {
            return null;
        }

        var result = await Shell.RunAsync(null, Published.InfraManager, ["ctl", "--socket", ControlSocket, "--json", .. arguments]);
        return result.ExitCode == 0 ? JsonNode.Parse(result.Output) : null;
    }

    public Task<string> AddNamespaceAsync(string name) => _namespaces.AddAsync(name);

    public Task RemoveNamespaceAsync(string full) => _namespaces.RemoveAsync(full);

    /// <summary>Creates a namespace and adds it to the network through the CNI plugin, like a container runtime.</summary>
    public async Task<Pod> AddPodAsync(string name, string? containerId = null)
    {
        var netns = await AddNamespaceAsync(name);
        var pod = new Pod(name, netns, containerId ?? $"{_namespaces.Prefix}-{name}");
        var result = await PluginAsync("ADD", pod);
        if (result.ExitCode != 0)
        {
            throw new InvalidOperationException($"ADD {name}: "
                + $"{result.Output}{result.Error}\nagent:\n{Agent?.Log}\ninframanager:\n{Manager?.Log}");
        }

        pod.Result = JsonNode.Parse(result.Output)!;
        return pod;
    }

    public async Task DeletePodAsync(Pod pod)
    {
        (await PluginAsync("DEL", pod)).MustSucceed();
        await RemoveNamespaceAsync(pod.Namespace);
    }

    /// <summary>
    /// Runs the plugin of the conflist for one command, with the environment and standard input of a container runtime.
    /// </summary>
    public Task<ShellResult> PluginAsync(string command, Pod? pod, Action<JsonObject>? change = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        var configuration = PluginConfiguration().WithPrevious(command, pod?.Result);
        change?.Invoke(configuration);
        var variables = pod is null
            ? PluginVariables.Of(command, PluginPath)
            : PluginVariables.Of(command, PluginPath, pod.ContainerId, $"/run/netns/{pod.Namespace}", pod.Name);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            variables[name] = value;
        }

        return RunPluginAsync(At("cni-bin/accoffload"), configuration.ToJsonString(), variables);
    }

    /// <summary>Runs a plugin where a runtime does: in the host's network namespace.</summary>
    public Task<ShellResult> RunPluginAsync(string file, string input, IReadOnlyDictionary<string, string> variables) =>
        Shell.RunAsync(HostNamespace, file, [], input, variables);

    public JsonObject PluginConfiguration()
    {
        var list = JsonNode.Parse(File.ReadAllText(At("10-accoffload.conflist")))!;
        return NetworkJson.Request(list["plugins"]![0]!.AsObject(), (string)list["cniVersion"]!, (string)list["name"]!);
    }

    /// <summary>Sends echo requests one at a time; returns whether all were answered.</summary>
    public static async Task<bool> PingAsync(string netns, string address, int count = 2)
    {
        for (var i = 0; i < count; i++)
        {
            // With a higher count, ping honors -W only until the first reply; later replies get little more than the interval.
            if ((await Shell.RunAsync(netns, "ping", ["-n", "-c", "1", "-W", "10", address])).ExitCode != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Dropped packets so far, by reason.</summary>
    public async Task<IReadOnlyDictionary<string, long>> DropsAsync()
    {
        var counters = await ControlAsync("counters");
        return counters["counters"]!.AsArray()
            .Where(cell => cell!["counter"]!.GetValue<string>() == "drops" && cell["label"] is not null)
            .ToDictionary(cell => cell!["label"]!.GetValue<string>(), cell => cell!["packets"]!.GetValue<long>());
    }

    public async ValueTask DisposeAsync()
    {
        await DisposeProcessesAsync();
        await _namespaces.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Kills all processes and keeps the namespaces.</summary>
    public async Task DisposeProcessesAsync()
    {
        foreach (var process in new[] { Agent, Manager, Target })
        {
            if (process is not null)
            {
                await process.DisposeAsync();
            }
        }

        (Agent, Manager, Target) = (null, null, null);
    }

    public async Task StopManagerAsync()
    {
        await Manager!.StopAsync();
        File.Delete(ControlSocket);
    }

    public async Task KillManagerAsync()
    {
        await Manager!.KillAsync();
        File.Delete(ControlSocket);
    }

    public async Task KillTargetAsync() => await Target!.KillAsync();

    private static void Change(string path, Action<JsonNode> change)
    {
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        change(config);
        File.WriteAllText(path, config.ToJsonString());
    }

    private static bool Alive(BackgroundProcess process, string name) =>
        !process.HasExited ? true : throw new InvalidOperationException($"{name} ended:\n{process.Log}");

    private async Task BuildAsync()
    {
        var acc = await AddNamespaceAsync("acc");
        var host = await AddNamespaceAsync("host");
        await AddNamespaceAsync("ports");
        await Shell.RunLineAsync(null, $"ip link add mgmt netns {acc} type veth peer name mgmt netns {host}").Succeeded();
        await Shell.RunLineAsync(acc, $"ip addr add {AccAddress}/30 dev mgmt").Succeeded();
        await Shell.RunLineAsync(host, "ip addr add 192.0.2.2/30 dev mgmt").Succeeded();
        await Shell.RunLineAsync(acc, "ip link set mgmt up").Succeeded();
        await Shell.RunLineAsync(host, "ip link set mgmt up").Succeeded();
        (await Shell.RunAsync(
            null, Path.Combine(Repository.Root, "rootfs/pki/make-certs"),
            ["--dir", Pki, "--acc-names", $"accoffload-acc,{AccAddress}", "--node", "node-1"])).MustSucceed();

        Write(ManagerConfig, InfraManagerJson.Create("192.0.2.2", "200.1.1.2")
            .WithApi($"{AccAddress}:50002", $"{Pki}/acc-server", "127.0.0.1:50096")
            .WithTarget(_options.SeparateTarget ? "external" : "embedded", TargetSocket)
            .Set("Target:DeviceId", 1)
            .WithSoftTarget(TargetSocket, $"/run/netns/{PortNamespace}")
            .Set("Pipeline:Directory", _options.PipelineDirectory ?? "")
            .WithStore(At("inframanager.db"))
            .WithControl(ControlSocket));
        Write(AgentConfig, HostStubJson.Create($"https://{AccAddress}:50002")
            .Set("Acc:ServerName", "accoffload-acc")
            .WithCertificates("Acc", $"{Pki}/host-client")
            .WithAgent(At("host-stub.sock"), At("host-stub.db"))
            .Set("Device:Kind", "veth")
            .WithPorts(PortNamespace)
            .WithHostInterface("accoffload0", "200.1.1.2/32", "10.244.0.0/16"));
        Write(At("10-accoffload.conflist"), NetworkJson.List("1.1.0", NetworkJson.Plugin(At("host-stub.sock"), At("ipam"))));
        Directory.CreateDirectory(At("cni-bin"));
        File.CreateSymbolicLink(At("cni-bin/accoffload"), Published.HostStub);
    }

    private static void Write(string path, JsonObject content) =>
        File.WriteAllText(path, content.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
}

/// <summary>A pod as the container runtime knows it.</summary>
public sealed class Pod(string name, string @namespace, string containerId)
{
    public string Name => name;

    public string Namespace => @namespace;

    public string ContainerId => containerId;

    public JsonNode? Result { get; set; }

    public string Address => Result!["ips"]![0]!["address"]!.GetValue<string>().Split('/')[0];
}
