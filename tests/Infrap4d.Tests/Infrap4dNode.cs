using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;
using ACCOffload.TestKit.Targets;

namespace ACCOffload.Infrap4d.Tests;

/// <summary>One node whose target must have its ports before its pipeline is loaded. The host and the pods use eight TAPs.</summary>
internal sealed class Infrap4dNode : IAsyncDisposable
{
    public static readonly string[] Ports = ["TAP0", "TAP1", "TAP2", "TAP3", "TAP4", "TAP5", "TAP6", "TAP7"];

    private BackgroundProcess? _linkUpLoop;

    private Infrap4dNode(Lab lab, NodeTarget target)
    {
        Lab = lab;
        Target = target;
    }

    public Lab Lab { get; }

    public NodeTarget Target { get; }

    /// <param name="target">The target.</param>
    /// <param name="package">
    /// The folder of release 24.01's package for P4-DPDK, which then replaces our own pipeline; the target shares InfraManager's namespace.
    /// </param>
    /// <param name="tapInterval">The interval at which the test creates the TAPs; null if InfraManager creates them.</param>
    public static async Task<Infrap4dNode> StartAsync(NodeTarget target, string? package = null, TimeSpan? tapInterval = null)
    {
        var node = new Infrap4dNode(await Lab.StartAsync(new LabOptions { Bare = true }), target);
        try
        {
            node.Lab.UsePool(Ports);
            var section = new JsonObject { ["Kind"] = "external" };
            await target.PrepareAsync(node.Lab, section);
            node.Lab.ChangeManagerConfig(c =>
            {
                foreach (var (key, value) in section)
                {
                    c["Target"]![key] = value!.DeepClone();
                }

                c["Node"]!["VirtualRanges"] = new JsonArray("10.96.0.0/16");
                c["Services"] = new JsonObject { ["Source"] = "agent" };
                if (tapInterval is not null)
                {
                    c["Target"]!["MakePorts"] = false;
                }

                if (package is not null)
                {
                    c["Pipeline"] = new JsonObject { ["Profile"] = "dpdk-24.01", ["Package"] = Path.Combine(package, "k8s_dp.pb.bin") };
                    c["ArpProxy"] = new JsonObject { ["Interface"] = Ports[0] };
                }
            });
            node.Lab.ChangeAgentConfig(c =>
            {
                if (package is not null)
                {
                    c["Device"]!["PortNamespace"] = $"/run/netns/{node.Lab.AccNamespace}";
                }
            });
            await target.StartAsync();
            // Like systemd-networkd with a .network file: infrap4d recreates the ARP responder's TAP at each start.
            if (package is not null)
            {
                node._linkUpLoop = new BackgroundProcess(node.Lab.AccNamespace, "sh",
                    ["-c", $"while sleep 0.2; do ip link set {Ports[0]} up 2>/dev/null; done"]);
            }

            await node.Lab.StartManagerAsync(waitReady: tapInterval is null);
            if (tapInterval is { } interval)
            {
                await node.MakeTapsAsync(interval);
            }

            await node.Lab.StartAgentAsync();
            await node.Lab.WaitHostInterfaceAsync();
            return node;
        }
        catch (Exception e)
        {
            var log = target is RealNodeTarget real ? $"{e.Message}\ninfrap4d:\n{Tail(real.Log)}" : e.Message;
            await node.DisposeAsync();
            throw new InvalidOperationException(log, e);
        }
    }

    /// <summary>
    /// Waits until these pods and the host reach each pod. On a target that passes no packets, waits until everything is programmed and
    /// every pod has its interface.
    /// </summary>
    public async Task ReachableAsync(params Pod[] pods)
    {
        await Eventually.TrueAsync(async () => await Lab.TryControlAsync("status") is { } s && (bool?)s["canAttach"] == true
            && (bool?)s["reconciled"] == true, () => $"the node is ready; InfraManager's log:\n{Tail(Lab.Manager!.Log)}");
        foreach (var pod in pods)
        {
            await Eventually.TrueAsync(async () => (await Shell.RunLineAsync(pod.Namespace, "ip link show eth0")).ExitCode == 0,
                () => $"{pod.Name} has its interface; the agent's log:\n{Tail(Lab.Agent!.Log)}");
            Assert.Contains(await EndpointsAsync(), e => (string?)e["podName"] == pod.Name && (string?)e["state"] == "programmed");
        }

        if (!Target.ForwardsPackets)
        {
            return;
        }

        foreach (var to in pods)
        {
            foreach (var from in pods.Where(p => p != to).Select(p => p.Namespace).Prepend(Lab.HostNamespace))
            {
                await Eventually.TrueAsync(() => Lab.PingAsync(from, to.Address, 1),
                    () => $"{from} reaches {to.Name}; the agent's log:\n{Tail(Lab.Agent!.Log)}");
            }
        }
    }

    /// <summary>
    /// Creates the TAPs one by one. Until the last one exists the node is not ready, and the status names the missing ones.
    /// </summary>
    public async Task MakeTapsAsync(TimeSpan interval)
    {
        var lastMissing = $"not exist ({Ports[^1]})";
        await Eventually.TrueAsync(async () => await ProblemAsync() is { } p
            && p.Contains(string.Join(", ", Ports), StringComparison.Ordinal),
            () => $"the status lists all ports as missing; InfraManager's log:\n{Tail(Lab.Manager!.Log)}");
        foreach (var port in Ports[..^1])
        {
            await Target.AddTapAsync(port);
            await Task.Delay(interval);
            Assert.False((bool?)(await Lab.ControlAsync("status"))["canAttach"]);
        }

        await Eventually.TrueAsync(async () => (await ProblemAsync())?.Contains(lastMissing, StringComparison.Ordinal) == true,
            () => $"the status names the last port; InfraManager's log:\n{Tail(Lab.Manager!.Log)}");
        await Target.AddTapAsync(Ports[^1]);
    }

    private async Task<string?> ProblemAsync() => (await Lab.TryControlAsync("status"))?["conditions"]?.ToJsonString();

    /// <summary>Sets the service web at 10.96.0.10:80 with all its backends.</summary>
    public async Task SetServiceAsync(params Pod[] backends) =>
        await Lab.ControlAsync(["service-add", "web", "--address", "10.96.0.10", "--port", "80:8080",
            .. backends.SelectMany(b => new[] { "--backend", b.Address })]);

    /// <summary>The number of rows of a table on the target, optionally of one action.</summary>
    public async Task<int> RowsAsync(string table, string action = "") =>
        (await Lab.ControlAsync("tables", table))["tables"]![0]!["rows"]!.AsArray()
            .Count(r => action.Length == 0 || (string?)r!["action"] == action);

    private async Task<IReadOnlyList<JsonNode>> EndpointsAsync() =>
        [.. (await Lab.ControlAsync("endpoints"))["endpoints"]!.AsArray().OfType<JsonNode>()];

    public async ValueTask DisposeAsync()
    {
        await Lab.DisposeProcessesAsync();
        if (_linkUpLoop is not null)
        {
            await _linkUpLoop.DisposeAsync();
        }

        await Target.DisposeAsync();
        await Lab.DisposeAsync();
    }

    private static string Tail(string log) => log.Length <= 6000 ? log : log[^6000..];
}
