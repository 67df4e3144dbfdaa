using System.Text.Json.Nodes;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Devices.Tests.Machine;

/// <summary>Pods in the machine, like those of a runtime: network namespaces attached by the CNI plugin.</summary>
internal static class MachinePods
{
    private const string Cni = "/usr/lib/devices-test/cni";

    public static Task<ShellResult> CniAsync(this DeviceMachine machine, string command, string pod, string? container = null,
        string extra = "{}") =>
        machine.AskAsync($"EXTRA='{extra}' {Cni} {command} {pod} {container ?? pod}");

    /// <summary>Creates the namespace and runs ADD.</summary>
    /// <returns>The pod's address.</returns>
    public static async Task<string> AddPodAsync(this DeviceMachine machine, string pod, string extra = "{}")
    {
        await machine.OutputAsync($"ip netns add {pod}");
        return await machine.AttachAsync(pod, extra);
    }

    public static async Task<string> AttachAsync(this DeviceMachine machine, string pod, string extra = "{}")
    {
        var result = JsonNode.Parse(await machine.OutputAsync($"EXTRA='{extra}' {Cni} ADD {pod}"))!;
        return ((string)result["ips"]![0]!["address"]!).Split('/')[0];
    }

    /// <summary>The MAC in the plugin's result.</summary>
    public static Task<string> MacAsync(this DeviceMachine machine, string pod) =>
        machine.OutputAsync($"jq -r '.interfaces[] | select(.sandbox) | .mac' /run/devices-test/{pod}");

    public static Task DeletePodAsync(this DeviceMachine machine, string pod) =>
        machine.OutputAsync($"{Cni} DEL {pod} && ip netns del {pod}");

    public static Task PingsAsync(this DeviceMachine machine, string pod, string address) =>
        machine.UntilAsync($"ip netns exec {pod} ping -n -c 1 -W 5 {address}", $"{pod} reaches {address}", 60);

    /// <summary>Runs a command that must fail and returns its error.</summary>
    public static async Task<(int Code, string Text)> FailedAsync(this DeviceMachine machine, string command, string pod,
        string extra = "{}")
    {
        var answer = await machine.CniAsync(command, pod, extra: extra);
        Assert.True(answer.ExitCode != 0, $"{command} {pod} succeeded: {answer.Output}");
        var error = JsonNode.Parse(answer.Output)!;
        return ((int)error["code"]!, $"{error["msg"]}: {error["details"]}");
    }

    /// <summary>The PCI addresses of the free virtual functions.</summary>
    public static async Task<string[]> FreeAsync(this DeviceMachine machine) =>
        [.. (await PoolsAsync(machine)).Single(p => (string?)p!["kind"] == "vf")!["free"]!.AsArray().Select(d => (string)d!).Order()];

    public static async Task<int> InUseAsync(this DeviceMachine machine) =>
        (int)(await PoolsAsync(machine)).Single(p => (string?)p!["kind"] == "vf")!["inUse"]!;

    /// <summary>Names, MACs and MTUs of the virtual functions in the host's namespace.</summary>
    public static async Task<string[]> InterfacesAsync(this DeviceMachine machine) =>
        [.. JsonNode.Parse(await machine.OutputAsync("ip -j link show"))!.AsArray()
            .Where(l => ((string)l!["ifname"]!).StartsWith("enp1s0v", StringComparison.Ordinal))
            .Select(l => $"{l!["ifname"]} {l["address"]} {l["mtu"]}").Order()];

    /// <summary>The pod addresses read from the target's tables.</summary>
    public static async Task<string[]> TableAsync(this DeviceMachine machine) =>
        [.. (await machine.OutputAsync("inframanager ctl tables pods | awk '/^  10\\./ { print $1 }'")).Split('\n',
            StringSplitOptions.RemoveEmptyEntries).Order()];

    /// <summary>The pod addresses of the ACC's endpoints.</summary>
    public static async Task<string[]> EndpointsAsync(this DeviceMachine machine) =>
        [.. JsonNode.Parse(await machine.OutputAsync("inframanager ctl --json endpoints"))!["endpoints"]!.AsArray()
            .Where(e => (string?)e!["kind"] == "pod").Select(e => (string)e!["addresses"]![0]!).Order()];

    private static async Task<JsonArray> PoolsAsync(DeviceMachine machine) =>
        JsonNode.Parse((await machine.AskAsync("host-stub devices --json")).Output)!["pools"]!.AsArray();
}
