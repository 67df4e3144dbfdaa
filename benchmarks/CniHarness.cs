using System.Diagnostics;
using System.Text.Json.Nodes;
using ACCOffload.Benchmarks.Measuring;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Benchmarks;

/// <summary>
/// Runs a CNI plugin as a container runtime does, ours and the reference in the same way: as a process in the host's namespace with the
/// configuration on standard input.
/// </summary>
internal sealed class CniHarness
{
    private readonly Lab _lab;
    private readonly string _plugin;
    private readonly JsonObject _configuration;

    private CniHarness(Lab lab, string plugin, JsonObject configuration)
    {
        _lab = lab;
        _plugin = plugin;
        _configuration = configuration;
    }

    public static CniHarness Ours(Lab lab) => new(lab, lab.At("cni-bin/accoffload"), lab.PluginConfiguration());

    /// <summary>The bridge plugin of Debian's containernetworking-plugins, with the same IPAM plugin.</summary>
    public static CniHarness Bridge(Lab lab) => new(lab, $"{Needs.CniPluginFolder}/bridge", new JsonObject
    {
        ["cniVersion"] = "1.0.0",
        ["name"] = "reference",
        ["type"] = "bridge",
        ["bridge"] = "bench0",
        ["isDefaultGateway"] = true,
        ["ipam"] = new JsonObject
        {
            ["type"] = "host-local",
            ["dataDir"] = lab.At("ipam-reference"),
            ["ranges"] = new JsonArray(new JsonArray(new JsonObject { ["subnet"] = "10.245.1.0/24" })),
        },
    });

    public async Task<(double Milliseconds, JsonNode Result)> AddAsync(string netns, string containerId)
    {
        var (time, output) = await RunAsync("ADD", netns, containerId, _configuration.ToJsonString());
        return (time, JsonNode.Parse(output)!);
    }

    public async Task<double> DeleteAsync(string netns, string containerId, JsonNode result)
    {
        var configuration = _configuration.DeepClone().AsObject().WithPrevious("DEL", result);
        return (await RunAsync("DEL", netns, containerId, configuration.ToJsonString())).Milliseconds;
    }

    private async Task<(double Milliseconds, string Output)> RunAsync(string command, string netns, string containerId,
        string configuration)
    {
        var variables = PluginVariables.Of(command, _lab.PluginPath, containerId, $"/run/netns/{netns}", containerId);
        var info = Shell.StartInfo(null, _plugin, [], variables);
        // Started from a thread in the namespace, because a helper such as nsenter would add to the time.
        using var host = NetNamespace.OpenNamed(_lab.HostNamespace);
        var started = 0L;
        using var process = host.Run(() =>
        {
            started = Stopwatch.GetTimestamp();
            return Process.Start(info)!;
        });
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.StandardInput.WriteAsync(configuration.AsMemory(), limit.Token);
            process.StandardInput.Close();
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{_plugin} {command} did not exit within 60 s: {await OutputAsync()}");
        }

        var time = Statistics.Milliseconds(started);
        return process.ExitCode == 0
            ? (time, await output)
            : throw new InvalidOperationException($"{_plugin} {command}: {await OutputAsync()}");

        async Task<string> OutputAsync() => $"{await output}{await error}\n{_lab.Agent?.Log}\n{_lab.Manager?.Log}";
    }
}
