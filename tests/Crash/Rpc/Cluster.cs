using System.Globalization;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.Crash.Watch;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.InfraManager.Tests.Kubernetes;
using ACCOffload.Integration.Lab;
using ACCOffload.Protos.V1;

namespace ACCOffload.Crash.Rpc;

/// <summary>
/// The cluster of the node: services whose backends come and go, pods of this node among them, told by an API server of the test's own. Whatever happens to
/// inframanager meanwhile, in the end the tables say what the cluster does.
/// </summary>
internal sealed class Cluster : IAsyncDisposable
{
    private const int MostServices = 40;
    private const int ChangesEach = 40;
    private readonly TestPki _pki = new(DateTimeOffset.UtcNow);
    private readonly Dictionary<int, string[]> _backends = [];
    private FakeApiServer _api = null!;

    private Cluster()
    {
    }

    /// <summary>Services made, changed and removed so far.</summary>
    public int Changes { get; private set; }

    /// <summary>Starts the API server on the ACC and names it in inframanager's configuration.</summary>
    public static async Task<Cluster> StartAsync(Lab lab, JsonObject config)
    {
        var cluster = new Cluster();
        cluster._api = await FakeApiServer.StartAsync(cluster._pki.IssueServer(), lab.AccNamespace);
        cluster._api.Put(Kube.Node("node-1", "a"));
        await File.WriteAllTextAsync(lab.At("kubeconfig"), KubeconfigText.Of(cluster._api.Address, cluster._pki.Authority));
        config["Kubernetes"] = new JsonObject { ["Kubeconfig"] = lab.At("kubeconfig") };
        return cluster;
    }

    /// <summary>Changes services one after the other, within about this time.</summary>
    public async Task ShakeAsync(Random random, TimeSpan length)
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

    /// <summary>Whether inframanager has taken in all that the API server has said up to now.</summary>
    public bool IsTakenIn(GetStatusReply status)
    {
        // Kinds without a change hear of the version by a bookmark only.
        foreach (var path in new[] { Kube.Services, Kube.Slices })
        {
            _api.Bookmark(path);
        }

        return status.Watch is { Synced: true, Pending: 0, Waiting: "" } watch
            && watch.Kinds.Where(k => k.Kind != "Node").All(k => long.TryParse(k.ResourceVersion, CultureInfo.InvariantCulture, out var seen) && seen >= _api.Version);
    }

    /// <summary>What the tables say otherwise than the cluster, or null. Services that are gone may refuse for as long as a pod has flows of theirs.</summary>
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
                return $"service {frontend} goes to {actual ?? "nobody"} and not to {wanted}";
            }
        }

        if (left.FirstOrDefault(f => f.Value != "refused") is { Key: { } gone } beyond)
        {
            return $"service {gone}, which is gone, goes to {beyond.Value}";
        }

        var addresses = pods.Select(p => p.AddressText).ToHashSet();
        return rows.Draining.FirstOrDefault(d => !addresses.Contains(d)) is { } ghost ? $"{ghost} keeps flows, and no pod has the address" : null;
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        _pki.Dispose();
    }

    private void Change(Random random)
    {
        var service = random.Next(MostServices);
        var isThere = _backends.ContainsKey(service);
        Changes++;
        if (isThere && random.Next(6) == 0)
        {
            _backends.Remove(service);
            _api.Delete(Kube.Services, $"default/s{service}");
            _api.Delete(Kube.Slices, $"default/s{service}-x");
            return;
        }

        // Mostly pods of this node, attached or not, and some elsewhere; now and then nobody.
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
