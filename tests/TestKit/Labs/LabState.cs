using System.Text.Json.Nodes;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Labs;

/// <summary>All state that attachments create: links, leases, the agent's claims, the ACC's endpoints and rows.</summary>
public static class LabState
{
    /// <summary>The state as text, to compare before and after.</summary>
    public static async Task<string> TakeAsync(Lab lab)
    {
        var endpoints = await lab.ControlAsync("endpoints");
        var tables = await lab.ControlAsync("tables");
        return string.Join(
            '\n',
            $"ports: {string.Join(' ', await LinksAsync(lab.PortNamespace))}",
            $"host: {string.Join(' ', await LinksAsync(lab.HostNamespace))}",
            $"leases: {string.Join(' ', Leases(lab))}",
            $"claims: {string.Join(' ', await ClaimsAsync(lab))}",
            $"endpoints: {endpoints["endpoints"]!.ToJsonString()}",
            $"rows: {tables["tables"]!.ToJsonString()}");
    }

    public static async Task<IReadOnlyList<string>> LinksAsync(string netns)
    {
        var links = await Shell.RunLineAsync(netns, "ip -j link show").Succeeded();
        return [.. JsonNode.Parse(links.Output)!.AsArray().Select(link => (string)link!["ifname"]!).Order()];
    }

    /// <summary>host-local's reservations: network/address.</summary>
    public static IReadOnlyList<string> Leases(Lab lab) =>
        Directory.Exists(lab.At("ipam"))
            ? [.. Directory.GetFiles(lab.At("ipam"), "10.*", SearchOption.AllDirectories)
                .Select(file => Path.GetRelativePath(lab.At("ipam"), file)).Order()]
            : [];

    /// <summary>The agent's attachments, except its own host interface.</summary>
    public static async Task<IReadOnlyList<string>> ClaimsAsync(Lab lab)
    {
        var status = await AgentStatusAsync(lab);
        return
        [
            .. status["attachments"]!.AsArray()
                .Where(a => (string?)a!["interface"] != "accoffload0")
                .Select(a => $"{a!["network"]}/{a["containerId"]}/{a["interface"]}={a["state"]}")
                .Order(),
        ];
    }

    public static async Task<JsonNode> AgentStatusAsync(Lab lab)
    {
        // Exit code 1 means that the ACC is unreachable; the output is complete nevertheless.
        var run = await Shell.RunAsync(lab.HostNamespace, Published.HostStub, ["status", "--json", "--socket", lab.At("host-stub.sock")]);
        Assert.True(run.ExitCode is 0 or 1, $"host-stub status: {run.Output}{run.Error}");
        return JsonNode.Parse(run.Output)!;
    }

    public static async Task<IReadOnlyList<JsonNode>> EndpointsAsync(Lab lab) =>
        [.. (await lab.ControlAsync("endpoints"))["endpoints"]!.AsArray().Select(e => e!)];

    public static async Task<bool> HasEndpointAsync(Lab lab, string network, string containerId, string interfaceName) =>
        (await EndpointsAsync(lab)).Any(e =>
            (string?)e["network"] == network && (string?)e["containerId"] == containerId && (string?)e["interfaceName"] == interfaceName);
}
