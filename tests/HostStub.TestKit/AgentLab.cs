using System.Collections;
using System.Diagnostics;
using System.Reflection;
using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.HostStub.Agent;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Ipam;
using ACCOffload.HostStub.Plugin;
using ACCOffload.HostStub.Wire;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.TestKit;

/// <summary>
/// An agent with its environment: ACC, certificates, namespaces and a directory. All names are unique. Disposal removes everything. For
/// tests that control the ACC, the clock, the hardware or the agent's store. Runtime.Tests has the other CNI cases, with the published
/// binaries.
/// </summary>
internal sealed class AgentLab : IAsyncDisposable
{
    private readonly List<string> _namespaces = [];
    private readonly string _id = $"hs{Guid.NewGuid():N}"[..8];
    private Process? _process;

    private AgentLab() => Directory = System.IO.Directory.CreateTempSubdirectory("hoststub-").FullName;

    public string Directory { get; }

    public TestPki Pki { get; } = new();

    public FakeAcc Acc { get; private set; } = null!;

    public HostAgent? Agent { get; private set; }

    public LogCollector Log { get; } = new(LogLevel.Trace);

    public string HostInterfaceName => _id + "h";

    public string DataPlane => _id + "-dp";

    public string Socket => At("agent.sock");

    public string ConfigFile => At("host-stub.json");

    /// <summary>The content of <see cref="ConfigFile"/>. <see cref="WriteConfig"/> writes it, also after a change.</summary>
    public JsonObject Config { get; private set; } = [];

    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>The buses that the agent uses; null for this machine's.</summary>
    public HostHardware? Hardware { get; set; }

    /// <summary>Runs IPAM plugins; null to run them as processes.</summary>
    public IpamRun? Ipam { get; set; }

    public string Subnet { get; set; } = "10.244.1.0/24";

    public static async Task<AgentLab> CreateAsync(
        bool startAcc = true, bool startAgent = true, bool hostInterface = false, Action<AgentLab>? prepare = null)
    {
        var lab = new AgentLab();
        lab.Acc = new FakeAcc(lab.Pki);
        try
        {
            await lab.Acc.StartAsync();
            if (!startAcc)
            {
                await lab.Acc.StopAsync();
            }

            lab.Pki.WriteClient(lab.At("pki"));
            lab.Config = lab.MakeConfig(hostInterface);
            prepare?.Invoke(lab);
            lab.WriteConfig();
            if (startAgent)
            {
                await lab.StartAgentAsync(waitSynced: startAcc);
            }

            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    public string At(string name) => Path.Combine(Directory, name);

    public void WriteConfig() => File.WriteAllText(ConfigFile, Config.ToJsonString());

    public async Task StartAgentAsync(bool waitSynced = true, Action<string>? step = null)
    {
        Agent = await HostAgent.StartAsync(AgentConfigReader.Load(ConfigFile, new Hashtable()), Log, Time, Hardware, step, Ipam);
        if (waitSynced)
        {
            await Eventually.TrueAsync(
                () => Agent.Services.Acc.State.Synced, () => $"the agent synchronizes; its log:\n{string.Join('\n', Log.Lines)}");
        }
    }

    /// <summary>Deletes the agent's database, while the agent is stopped.</summary>
    public void LoseDatabase()
    {
        foreach (var file in System.IO.Directory.GetFiles(Directory, "host-stub.db*"))
        {
            File.Delete(file);
        }
    }

    public async Task StopAgentAsync()
    {
        if (Agent is not null)
        {
            await Agent.DisposeAsync();
        }

        Agent = null;
    }

    /// <summary>Starts an agent as a separate process, which kills itself after the given step ("" for none).</summary>
    public async Task StartCrashingAgentAsync(string step)
    {
        var start = new ProcessStartInfo("dotnet", [Assembly.GetEntryAssembly()!.Location, "crashing-agent", ConfigFile, step]);
        _process = Process.Start(start)!;
        await Eventually.TrueAsync(() => Request("STATUS", "", "", version: "1.1.0").ExitCode == 0, "the agent process is ready");
    }

    public async Task WaitProcessEndAsync()
    {
        await _process!.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        _process.Dispose();
        _process = null;
    }

    public void KillProcess() => _process!.Kill();

    public Pod NewPod(string? name = null)
    {
        var full = $"{_id}-{name ?? _namespaces.Count.ToString(System.Globalization.CultureInfo.InvariantCulture)}";
        NetNamespace.CreateNamed(full).Dispose();
        _namespaces.Add(full);
        return new Pod($"c{Guid.NewGuid():N}", full);
    }

    public void DeletePod(Pod pod) => NetNamespace.DeleteNamed(pod.Namespace);

    /// <summary>Runs the plugin's code in this process against the agent's socket.</summary>
    public PluginAnswer Run(
        string command,
        Pod pod,
        string version = "1.1.0",
        JsonNode? prevResult = null,
        Action<JsonObject>? change = null,
        Action<Dictionary<string,
        string>>? environment = null) =>
        Request(command, pod.ContainerId, pod.Path, version, prevResult, change, environment);

    public Task<PluginAnswer> RunAsync(
        string command, Pod pod, string version = "1.1.0", JsonNode? prevResult = null, Action<JsonObject>? change = null) =>
        Task.Run(() => Run(command, pod, version, prevResult, change));

    public PluginAnswer Request(
        string command,
        string containerId,
        string netns,
        string version = "1.1.0",
        JsonNode? prevResult = null,
        Action<JsonObject>? change = null,
        Action<Dictionary<string,
        string>>? environment = null)
    {
        var config = NetworkConfig(version, prevResult);
        change?.Invoke(config);
        var variables = PluginVariables.Of(command, $"{At("bin")}:{Needs.CniPluginFolder}", containerId, netns, "web-0");
        variables["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin";
        variables["CNI_ARGS"] += ";K8S_POD_UID=6f1b";
        environment?.Invoke(variables);
        var response = CniPlugin.Execute(variables, () => Encoding.UTF8.GetBytes(config.ToJsonString()), AgentSocket.Ask);
        return PluginAnswer.From(response);
    }

    public JsonObject NetworkConfig(string version, JsonNode? prevResult = null)
    {
        var config = NetworkJson.Request(NetworkJson.Plugin(Socket, At("ipam"), Subnet), version);
        if (prevResult is not null)
        {
            config["prevResult"] = prevResult.DeepClone();
        }

        return config;
    }

    public IReadOnlyList<string> ReservedAddresses() =>
        System.IO.Directory.Exists(At("ipam/podnet"))
            ? [.. System.IO.Directory.GetFiles(At("ipam/podnet")).Select(f => Path.GetFileName(f)!).Where(f => char.IsAsciiDigit(f[0]))]
            : [];

    public IReadOnlyList<LinkInfo> DataPlaneLinks()
    {
        using var ns = NetNamespace.OpenNamed(DataPlane);
        using var links = RouteNetlink.Open(ns);
        return [.. links.GetLinks().Where(l => l.Name != "lo")];
    }

    public void AssertNothingLeft()
    {
        Assert.Empty(ReservedAddresses());
        Assert.Empty(DataPlaneLinks());
        Assert.Empty(Acc.Model.Pods);
    }

    /// <summary>
    /// For an Attach with an unknown outcome: a Sync may still include the claim just before it is removed; the next Sync removes it.
    /// </summary>
    public async Task AssertNothingLeftAfterSyncAsync()
    {
        await Eventually.TrueAsync(() => Acc.Model.Pods.Count == 0, "a Sync removes the attachment from the ACC");
        AssertNothingLeft();
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
        }

        _process?.Dispose();
        await StopAgentAsync();
        await Acc.DisposeAsync();
        foreach (var ns in _namespaces)
        {
            NetNamespace.DeleteNamed(ns);
        }

        using (var host = RouteNetlink.Open())
        {
            if (host.GetLink(HostInterfaceName) is { } link)
            {
                host.DeleteLink(link.Index);
            }
        }
        NetNamespace.DeleteNamed(DataPlane);
        Log.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    private JsonObject MakeConfig(bool hostInterface) => HostStubJson.Create($"https://127.0.0.1:{Acc.Port}")
        .WithCertificates("Acc", At("pki"))
        .WithAgent(Socket, At("host-stub.db"))
        .WithPorts(DataPlane)
        .WithHostInterface(HostInterfaceName, "198.19.0.1/32", "198.18.0.0/24", hostInterface);
}

/// <summary>A pod sandbox as a container runtime creates it.</summary>
internal sealed record Pod(string ContainerId, string Namespace)
{
    public string Path => NetNamespace.NamedPath(Namespace);

    public NetNamespace Open() => NetNamespace.OpenNamed(Namespace);
}

/// <summary>What the plugin printed.</summary>
internal sealed record PluginAnswer(int ExitCode, JsonNode? Output, string Text, string ErrorText)
{
    public int Code => Output?["code"]?.GetValue<int>() ?? 0;

    public string Message => $"{Output?["msg"]?.GetValue<string>()}: {Output?["details"]?.GetValue<string>()}";

    public static PluginAnswer From(AgentResponse response)
    {
        var text = Encoding.UTF8.GetString(response.Output.Span);
        return new PluginAnswer(
            response.ExitCode, text.Length > 0 ? JsonNode.Parse(text) : null, text, Encoding.UTF8.GetString(response.Error.Span));
    }

    public PluginAnswer Succeeded()
    {
        Assert.True(ExitCode == 0, $"the plugin failed: {Text} {ErrorText}");
        return this;
    }

    public PluginAnswer Failed(int code)
    {
        Assert.True(ExitCode == 1 && Code == code, $"expected error {code}, got exit code {ExitCode}: {Text}");
        return this;
    }
}
