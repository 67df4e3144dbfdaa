using System.Globalization;
using System.Text.Json.Nodes;
using ACCOffload.Integration.Lab;

namespace ACCOffload.Services.Tests.Kernel;

/// <summary>
/// As much of kube-proxy in its mode nftables as the scenarios need: ClusterIP and NodePort over TCP and UDP, ClientIP affinity, ready endpoints, policy
/// Cluster. Written after what Kubernetes v1.31 documents of it: a map leads to a service's chain, that to an endpoint's, by lot or by affinity; what has to
/// come back through the node is marked and masqueraded; connections to a service without endpoints are rejected; and the tracked flows of UDP endpoints
/// that went are deleted, because the kernel would follow them for as long as packets come.
/// </summary>
internal sealed class KubeProxy
{
    public const string PodRange = "10.244.0.0/16";

    private readonly string _netns;
    private Dictionary<string, ServicePort> _ports = [];

    private KubeProxy(string netns) => _netns = netns;

    /// <summary>The program that it lacks; null if none.</summary>
    public static string? Lack { get; } = new[] { "nft", "conntrack" }.Where(p => !IsThere(p)).Select(p => $"needs {p}: run 'make deps'").FirstOrDefault();

    public static async Task<KubeProxy> StartAsync(string netns, int speed)
    {
        // The two of conntrack are kube-proxy's (conntrack.tcpCloseWaitTimeout, tcpEstablishedTimeout). A redirect would tell a pod of a way past the node.
        await SetAsync(
            netns,
            ["net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0",
             "net.netfilter.nf_conntrack_tcp_timeout_close_wait=3600", "net.netfilter.nf_conntrack_tcp_timeout_established=86400"]);
        if (speed > 1)
        {
            await HastenAsync(netns, speed);
        }

        var proxy = new KubeProxy(netns);
        await proxy.BecomeAsync([]);
        return proxy;
    }

    public async Task BecomeAsync(IReadOnlyCollection<JsonObject> cluster)
    {
        var (before, next) = (_ports, ServicePort.Of(cluster).ToDictionary(p => p.Name));
        await Shell.RunAsync(_netns, "nft", ["-f", "-"], Ruleset.Between(before.Values, next.Values, PodRange)).Succeeded();
        _ports = next;
        foreach (var port in before.Values.Where(p => p.IsUdp))
        {
            foreach (var gone in port.Endpoints.Except(next.GetValueOrDefault(port.Name)?.Endpoints ?? []))
            {
                await ForgetAsync(port, $"--dst-nat {ServicePort.AddressOf(gone)}");
            }
        }

        // What went to nobody is tracked as well, and would go on to.
        foreach (var port in next.Values.Where(p => p.IsUdp && p.Endpoints.Length > 0 && before.GetValueOrDefault(p.Name) is null or { Endpoints.Length: 0 }))
        {
            await ForgetAsync(port, "");
        }
    }

    private static bool IsThere(string program) => new[] { "/usr/sbin", "/sbin", "/usr/bin", "/bin" }.Any(folder => File.Exists(Path.Combine(folder, program)));

    private static async Task HastenAsync(string netns, int speed)
    {
        var lines = (await Shell.RunAsync(netns, "sysctl", ["-ar", "nf_conntrack_.*_timeout"]).Succeeded()).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var timers = lines.Select(l => l.Split(" = ")).Select(words => (Name: words[0], Seconds: int.Parse(words[1], CultureInfo.InvariantCulture)));
        await SetAsync(netns, [.. timers.Select(t => $"{t.Name}={(t.Seconds + speed - 1) / speed}")]);
    }

    private static async Task SetAsync(string netns, string[] settings) => await Shell.RunAsync(netns, "sysctl", ["-qw", .. settings]).Succeeded();

    private async Task ForgetAsync(ServicePort port, string which)
    {
        await DeleteAsync($"--orig-dst {port.Address}");
        if (port.NodePort != 0)
        {
            await DeleteAsync($"--dport {port.NodePort}");
        }

        // It fails where there is nothing to delete.
        async Task DeleteAsync(string frontend) => await Shell.RunLineAsync(_netns, $"conntrack -D -p udp {frontend} {which}");
    }
}
