using System.Text.Json.Nodes;
using ACCOffload.Crash.Tests.Hostile;
using ACCOffload.Crash.Tests.Watch;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;
using ACCOffload.TestKit.Targets;

namespace ACCOffload.Crash.Tests.Pods;

/// <summary>A whole node with its three daemons in separate processes, namespaces for pods and two permanent pods.</summary>
internal sealed class PodNode : IAsyncDisposable
{
    private AccPeers? _accPeers;
    private AgentPeers? _agentPeers;

    private PodNode(Lab lab)
    {
        Lab = lab;
        Target = new TargetReader(lab);
    }

    public Lab Lab { get; }

    public TargetReader Target { get; }

    public LeakWatch Leaks { get; } = new();

    /// <summary>Null if there are no hostile peers.</summary>
    public HostileTraffic? Hostile { get; private set; }

    /// <summary>Namespaces without an interface, in which pods can be added.</summary>
    public IReadOnlyList<string> Namespaces { get; private set; } = [];

    /// <summary>Permanent pods: they must not lose packets while the target runs.</summary>
    public IReadOnlyList<Pod> PermanentPods { get; private set; } = [];

    /// <param name="namespaces">The number of pods in addition to the two permanent ones.</param>
    /// <param name="prepare">Changes the lab's files before the daemons are started.</param>
    public static async Task<PodNode> StartAsync(int namespaces, Action<Lab>? prepare = null)
    {
        var lab = await Lab.StartAsync(new LabOptions { Bare = true, SeparateTarget = true });
        var node = new PodNode(lab);
        try
        {
            prepare?.Invoke(lab);
            await lab.StartTargetAsync();
            await lab.StartManagerAsync();
            await lab.StartAgentAsync();
            node.PermanentPods = [await lab.AddPodAsync("stay-a"), await lab.AddPodAsync("stay-b")];
            var names = new List<string>();
            for (var i = 0; i < namespaces; i++)
            {
                names.Add(await lab.AddNamespaceAsync($"p{i}"));
            }

            node.Namespaces = names;
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts hostile peers of the ACC's API and the agent's socket, which run until the node is disposed.</summary>
    public async Task StartHostileAsync(int seed)
    {
        // The peers don't know the agent's epoch: any epoch that is not the current one will do.
        _accPeers = await AccPeers.StartAsync(Lab, () => 1,
            [.. PermanentPods.Select(s =>
                (s.Address, (string)s.Result!["interfaces"]!.AsArray().Single(i => (string?)i!["name"] == "eth0")!["mac"]!))]);
        _agentPeers = await AgentPeers.StartAsync(Lab);
        Hostile = new HostileTraffic(
            _accPeers.Actions().Concat(_agentPeers.Actions()),
            () =>
            {
                _accPeers.CloseAll();
                _agentPeers.CloseAll();
            },
            () => _accPeers.HasClosedAll() && _agentPeers.HasClosedAll(),
            seed);
    }

    /// <summary>
    /// Kills and restarts the victims, the target first and the agent last. Returns when they run, not when they are ready.
    /// </summary>
    public async Task RestartAsync(Victims victims, TimeSpan pause)
    {
        Kill(victims);
        await Task.Delay(pause);
        await StartAsync(victims);
    }

    public void Kill(Victims victims)
    {
        if (victims.HasFlag(Victims.Target))
        {
            Lab.Target!.Kill();
        }

        if (victims.HasFlag(Victims.Manager))
        {
            Lab.Manager!.Kill();
        }

        if (victims.HasFlag(Victims.Agent))
        {
            Lab.Agent!.Kill();
        }
    }

    public async Task StartAsync(Victims victims)
    {
        if (victims.HasFlag(Victims.Target))
        {
            await Lab.Target!.WaitAsync();
            await Lab.StartTargetAsync();
        }

        if (victims.HasFlag(Victims.Manager))
        {
            await Lab.Manager!.WaitAsync();
            File.Delete(Lab.ControlSocket);
            await Lab.StartManagerAsync(waitReady: false);
        }

        if (victims.HasFlag(Victims.Agent))
        {
            await Lab.Agent!.WaitAsync();
            await Lab.StartAgentAsync(waitReady: false);
        }
    }

    /// <summary>Waits until all three are ready and fully synchronized.</summary>
    public async Task SettledAsync()
    {
        await Lab.WaitReadyAsync();
        JsonNode? last = null;
        await Eventually.TrueAsync(
            async () =>
            {
                if (Lab.Agent!.HasExited)
                {
                    throw new InvalidOperationException($"the agent exited:\n{Lab.Agent.Log}");
                }

                last = await TryAgentStatusAsync();
                return last is not null && last["acc"]!["ready"]!.GetValue<bool>()
                    // With hostile peers there are always pending requests; those of the runtime have been answered.
                    && (Hostile is not null || last["requests"]!.GetValue<int>() == 0)
                    && last["attachments"]!.AsArray().All(a => (string?)a!["state"] == "attached") && !HasPendingDels();
            },
            () => $"the agent is ready and has no pending work; {last?.ToJsonString()}\n{Lab.Agent!.Log}", 60);
        await Eventually.TrueAsync(
            async () => await Lab.ControlAsync("status") is { } s && (bool)s["ready"]! && (bool)s["reconciled"]!
                && (long)s["pendingEntries"]! == 0, "InfraManager has no pending writes");
    }

    // DELs that were queued while the agent was down.
    private bool HasPendingDels() =>
        Directory.Exists(Lab.At("host-stub.sock.pending"))
            && Directory.GetFiles(Lab.At("host-stub.sock.pending")).Any(f => Path.GetFileName(f)[0] != '.');

    /// <summary>Checks that exactly these and the permanent pods are attached: on the host, on the ACC and in the tables.</summary>
    public async Task AssertExactlyAsync(IReadOnlyCollection<Pod> pods)
    {
        var all = pods.Concat(PermanentPods).ToList();
        var names = all.Select(p => p.ContainerId).Order().ToList();
        var endpoints = await LabState.EndpointsAsync(Lab);
        var specs = endpoints.Where(e => (string?)e["kind"] == "pod").Select(PodSpec.FromJson).ToList();
        Assert.Equal(names, specs.Select(s => s.ContainerId).Order());
        foreach (var (pod, spec) in all.OrderBy(p => p.ContainerId).Zip(specs.OrderBy(s => s.ContainerId)))
        {
            var mac = (string)pod.Result!["interfaces"]!.AsArray().Single(i => (string?)i!["name"] == "eth0")!["mac"]!;
            Assert.Equal((pod.Address, mac), (spec.AddressText, MacText(spec.Mac)));
        }

        var host = PodSpec.FromJson(Assert.Single(endpoints, e => (string?)e["kind"] == "host"));
        if (await TableOracle.DifferenceAsync(Target, specs, host) is { } difference)
        {
            throw new InvalidOperationException(difference);
        }

        Assert.Equal(names.Select(n => $"podnet/{n}/eth0=attached").Order(), (await LabState.ClaimsAsync(Lab)).Order());
        Assert.Equal(all.Select(p => $"podnet/{p.Address}").Order(), LabState.Leases(Lab).Order());
        Assert.Equal(specs.Append(host).Select(s => s.PortName).Append("lo").Order(), await LabState.LinksAsync(Lab.PortNamespace));
        Assert.Equal(["accoffload0", "lo", "mgmt"], await LabState.LinksAsync(Lab.HostNamespace));
        Assert.Empty((await LabState.AgentStatusAsync(Lab))["unknownDevices"]!.AsArray());
    }

    public async Task CheckForLeaksAsync()
    {
        // Connections of hostile peers vary; those that remain after closing them are leaks.
        using var rest = Hostile is null ? null : await Hostile.PauseAsync();
        Leaks.Sample("inframanager", Lab.Manager);
        Leaks.Sample("soft target", Lab.Target);
        Leaks.Sample("agent", Lab.Agent);
        Leaks.CheckWal(Lab.At("inframanager.db"));
        Leaks.CheckWal(Lab.At("host-stub.db"));
    }

    public async ValueTask DisposeAsync()
    {
        if (Hostile is not null)
        {
            await Hostile.DisposeAsync();
        }

        _accPeers?.Dispose();
        _agentPeers?.Dispose();
        Target.Dispose();
        await Lab.DisposeAsync();
    }

    private async Task<JsonNode?> TryAgentStatusAsync()
    {
        var run = await Shell.RunAsync(Lab.HostNamespace, Published.HostStub, ["status", "--json", "--socket", Lab.At("host-stub.sock")]);
        return run.ExitCode is 0 or 1 ? JsonNode.Parse(run.Output) : null;
    }

    private static string MacText(ulong mac) =>
        string.Join(':', Enumerable.Range(0, 6).Select(i => $"{(mac >> (40 - (8 * i))) & 0xff:x2}"));
}
