using System.Globalization;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.Protos.V1;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Targets;

namespace ACCOffload.Crash.Tests.Rpc;

/// <summary>
/// The node's cluster with a fake API server: services whose backends change, including pods of this node. Whatever happens to
/// InfraManager, the tables must match the cluster in the end.
/// </summary>
internal sealed class Cluster : IAsyncDisposable
{
    private const int MaxServices = 40;
    private const int ChangesEach = 40;
    private readonly TestPki _pki = new(DateTimeOffset.UtcNow);
    private readonly Dictionary<int, string[]> _backends = [];
    private FakeApiServer _api = null!;

    private Cluster()
    {
    }

    /// <summary>The number of services created, changed and removed so far.</summary>
    public int Changes { get; private set; }

    /// <summary>Starts the API server on the ACC and adds it to InfraManager's configuration.</summary>
    public static async Task<Cluster> StartAsync(Lab lab, JsonObject config)
    {
        var cluster = new Cluster();
        cluster._api = await FakeApiServer.StartAsync(cluster._pki.IssueServer(), lab.AccNamespace);
        cluster._api.Put(Kube.Node("node-1", "a"));
        await File.WriteAllTextAsync(lab.At("kubeconfig"), KubeconfigText.Of(cluster._api.Address, cluster._pki.Authority));
        config["Kubernetes"] = new JsonObject { ["Kubeconfig"] = lab.At("kubeconfig") };
        return cluster;
    }

    /// <summary>Changes services one by one within about this time.</summary>
    public async Task ChangeServicesAsync(Random random, TimeSpan length)
    {
        for (var i = 0; i < ChangesEach; i++)
        {
            Change(random);
            if (i % 4 == 0)
            {
                await Task.Delay(length / (ChangesEach / 4));
            }
        }
    }

    /// <summary>Whether InfraManager has processed the current state of the API server.</summary>
    public bool IsUpToDate(GetStatusReply status)
    {
        // A watch without changes learns the version only from a bookmark.
        foreach (var path in new[] { Kube.Services, Kube.Slices })
        {
            _api.Bookmark(path);
        }

        return status.Watch is { Synced: true, Pending: 0, Waiting: "" } watch
            && watch.Kinds.Where(k => k.Kind is "Service" or "EndpointSlice")
                .All(k => long.TryParse(k.ResourceVersion, CultureInfo.InvariantCulture, out var seen) && seen >= _api.Version);
    }

    /// <summary>
    /// The first difference between tables and cluster, or null. Removed services may keep a refusing row while a pod has their flows.
    /// </summary>
    public async Task<string?> DifferenceAsync(TargetReader target, IReadOnlyCollection<PodSpec> pods)
    {
        var rows = await ServiceRows.ReadAsync(target);
        var left = new Dictionary<string, string>(rows.Frontends);
        foreach (var (service, backends) in _backends)
        {
            var frontend = $"{ClusterIp(service)}:80/{(int)ProtocolType.Tcp}";
            var wanted = backends.Length == 0 ? "refused" : string.Join(' ', backends.Select(b => $"{b}:8080").Order());
            if (!left.Remove(frontend, out var actual) || actual != wanted)
            {
                return $"service {frontend} goes to {actual ?? "no backend"}, expected {wanted}";
            }
        }

        if (left.FirstOrDefault(f => f.Value != "refused") is { Key: { } gone } beyond)
        {
            return $"removed service {gone} still goes to {beyond.Value}";
        }

        var addresses = pods.Select(p => p.AddressText).ToHashSet();
        return rows.Draining.FirstOrDefault(d => !addresses.Contains(d)) is { } stale
            ? $"{stale} keeps flows, but no pod has the address"
            : null;
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        _pki.Dispose();
    }

    private void Change(Random random)
    {
        var service = random.Next(MaxServices);
        var isThere = _backends.ContainsKey(service);
        Changes++;
        if (isThere && random.Next(6) == 0)
        {
            _backends.Remove(service);
            _api.Delete(Kube.Services, $"default/s{service}");
            _api.Delete(Kube.Slices, $"default/s{service}-x");
            return;
        }

        // Mostly pods of this node, attached or not, some on other nodes; sometimes none.
        string[] backends = [.. Enumerable.Range(0, random.Next(6)).Select(_ => random.Next(4) == 0
            ? $"10.9.0.{random.Next(1, 200)}"
            : PodSpec.Of(random.Next(RpcRounds.Slots), random.Next(4)).AddressText).Distinct()];
        _backends[service] = backends;
        if (!isThere)
        {
            _api.Put(Kube.Web(ClusterIp(service), $"s{service}"));
        }

        _api.Put(Kube.Slice($"s{service}-x", $"s{service}", [("", "TCP", 8080)],
            [.. backends.Select(b => Kube.Endpoint(b, b.StartsWith("10.9.", StringComparison.Ordinal) ? "node-2" : "node-1"))]));
    }

    private static string ClusterIp(int service) => $"10.96.1.{service + 1}";
}
