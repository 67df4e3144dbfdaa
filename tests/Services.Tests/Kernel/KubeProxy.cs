using System.Globalization;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Services.Tests.Kernel;

/// <summary>
/// The part of kube-proxy's nftables mode that the scenarios need: ClusterIP and NodePort over TCP and UDP, ClientIP affinity, ready
/// endpoints, policy Cluster. It follows the documentation of Kubernetes v1.31: a map leads to a service's chain, which selects an
/// endpoint's chain at random or by affinity; traffic that must return through the node is marked and masqueraded; connections to a
/// service without endpoints are rejected; conntrack entries of removed UDP endpoints are deleted, because the kernel would keep
/// them while packets arrive.
/// </summary>
internal sealed class KubeProxy
{
    public const string PodRange = "10.244.0.0/16";

    private readonly string _netns;
    private Dictionary<string, ServicePort> _ports = [];

    private KubeProxy(string netns) => _netns = netns;

    /// <summary>The missing program; null if there is none.</summary>
    public static string? Missing { get; } = new[] { "nft", "conntrack" }.Where(p => !IsInstalled(p))
        .Select(p => $"needs {p}: run 'make deps'").FirstOrDefault();

    public static async Task<KubeProxy> StartAsync(string netns, int speed)
    {
        // The conntrack timeouts are kube-proxy's (conntrack.tcpCloseWaitTimeout, tcpEstablishedTimeout). An ICMP redirect would show a
        // pod a route that bypasses the node.
        await SetAsync(
            netns,
            ["net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0",
             "net.netfilter.nf_conntrack_tcp_timeout_close_wait=3600", "net.netfilter.nf_conntrack_tcp_timeout_established=86400"]);
        if (speed > 1)
        {
            await ShortenTimersAsync(netns, speed);
        }

        var proxy = new KubeProxy(netns);
        await proxy.SetClusterAsync([]);
        return proxy;
    }

    public async Task SetClusterAsync(IReadOnlyCollection<JsonObject> cluster)
    {
        var (before, next) = (_ports, ServicePort.Of(cluster).ToDictionary(p => p.Name));
        await Shell.RunAsync(_netns, "nft", ["-f", "-"], Ruleset.Between(before.Values, next.Values, PodRange)).Succeeded();
        _ports = next;
        foreach (var port in before.Values.Where(p => p.IsUdp))
        {
            foreach (var gone in port.Endpoints.Except(next.GetValueOrDefault(port.Name)?.Endpoints ?? []))
            {
                await DeleteEntriesAsync(port, $"--dst-nat {ServicePort.AddressOf(gone)}");
            }
        }

        // Flows sent while there was no endpoint are tracked too and would stay untranslated.
        foreach (var port in next.Values.Where(p => p.IsUdp && p.Endpoints.Length > 0
            && before.GetValueOrDefault(p.Name) is null or { Endpoints.Length: 0 }))
        {
            await DeleteEntriesAsync(port, "");
        }
    }

    private static bool IsInstalled(string program) =>
        new[] { "/usr/sbin", "/sbin", "/usr/bin", "/bin" }.Any(folder => File.Exists(Path.Combine(folder, program)));

    private static async Task ShortenTimersAsync(string netns, int speed)
    {
        var lines = (await Shell.RunAsync(netns, "sysctl", ["-ar", "nf_conntrack_.*_timeout"]).Succeeded()).Output.Split('\n',
            StringSplitOptions.RemoveEmptyEntries);
        var timers = lines.Select(l => l.Split(" = "))
            .Select(words => (Name: words[0], Seconds: int.Parse(words[1], CultureInfo.InvariantCulture)));
        await SetAsync(netns, [.. timers.Select(t => $"{t.Name}={(t.Seconds + speed - 1) / speed}")]);
    }

    private static async Task SetAsync(string netns, string[] settings) =>
        await Shell.RunAsync(netns, "sysctl", ["-qw", .. settings]).Succeeded();

    private async Task DeleteEntriesAsync(ServicePort port, string which)
    {
        await DeleteAsync($"--orig-dst {port.Address}");
        if (port.NodePort != 0)
        {
            await DeleteAsync($"--dport {port.NodePort}");
        }

        // The command fails if there is nothing to delete.
        async Task DeleteAsync(string frontend) => await Shell.RunLineAsync(_netns, $"conntrack -D -p udp {frontend} {which}");
    }
}
