using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Events;
using ACCOffload.InfraManager.Cluster.Nodes;
using ACCOffload.InfraManager.Cluster.Policy;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.InfraManager.Tests.Kubernetes.Policies;

/// <summary>What reaches the programmer, in which order, when the cluster's policy and pods change.</summary>
public sealed class PolicyControllerTests : IAsyncLifetime
{
    private readonly FakeCore _core = new();
    private readonly ConcurrentQueue<ClusterEvent> _events = new();
    private readonly CancellationTokenSource _stop = new();
    private ClusterFixture _cluster = null!;
    private ApiServerClient _client = null!;
    private NodeFeed _nodes = null!;
    private PolicyController _controller = null!;
    private Task _running = Task.CompletedTask;

    private FakeApiServer Server => _cluster.Server;

    private List<PolicyIntent> Intents => [.. _core.Intents.Cast<PolicyIntent>()];

    public async ValueTask InitializeAsync()
    {
        _cluster = await ClusterFixture.StartAsync();
        _client = _cluster.NewClient();
        _nodes = new NodeFeed(_client, _cluster.Options, TimeProvider.System, _cluster.Log.CreateLogger("Kubernetes"));
        _controller = new PolicyController(
            _client, _nodes, _core, _events.Enqueue, _cluster.Options, TimeProvider.System, _cluster.Log.CreateLogger("Kubernetes"));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _nodes.DisposeAsync();
        _controller.Dispose();
        _client.Dispose();
        _stop.Dispose();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task Without_a_policy_no_pod_is_listed()
    {
        Server.Put(Kube.Namespace("shop"), Kube.Pod("shop", "web", "10.0.0.1"));
        await SyncAsync();

        Assert.Equal(0, Server.CountLists(Kube.Pods) + Server.CountLists(Kube.Namespaces));
        Assert.All(Intents, i => Assert.Empty(i.Changes));
        // What the model has from before a restart goes: the policies first.
        var removed = Intents.SelectMany((i, at) => i.Listed.Select(l => (l.Key, At: at, l.Value.Count))).ToList();
        Assert.All(removed, r => Assert.Equal(0, r.Count));
        Assert.Equal(5, removed.Select(r => r.Key).Distinct().Count());
        Assert.True(removed.Where(r => IsPolicy(r.Key)).Max(r => r.At) < removed.Where(r => IsPeer(r.Key)).Min(r => r.At));
        Assert.Equal(0, Server.CountLists(Kube.Nodes));
        Assert.Equal([.. Enumerable.Repeat(false, Intents.Count - 1), true], Intents.Select(i => i.IsSynced));
        Assert.Equal("", _controller.Problem);
    }

    [Fact]
    public async Task A_policy_comes_after_the_namespaces_and_pods_that_it_selects()
    {
        Server.Put(
            Kube.Namespace("shop", ("team", "a")), Kube.Pod("shop", "web", "10.0.0.1", ("app", "web")), Kube.Pod("shop", "db", "10.0.0.2"),
            Kube.NetworkPolicy("shop", "closed"));
        await SyncAsync();

        Assert.Equal(
            ["Namespace shop", "Pod shop/db", "Pod shop/web", "NetworkPolicy shop/closed"], Sent().Select(c => c.Key.ToString()));
        Assert.Equal([.. Enumerable.Repeat(false, Intents.Count - 1), true], Intents.Select(i => i.IsSynced));
        Assert.Equal(
            ["shop/closed"], Intents.Last(i => i.Listed.ContainsKey(PolicyObjectKind.NetworkPolicy)).Listed[PolicyObjectKind.NetworkPolicy]);
        await HoldsAsync();
    }

    [Fact]
    public async Task The_first_policy_starts_the_pod_watch_and_the_last_one_ends_it()
    {
        Server.Put(Kube.Namespace("shop"), Kube.Pod("shop", "web", "10.0.0.1"));
        await SyncAsync();
        var before = Intents.Count;
        Server.Put(Kube.NetworkPolicy("shop", "one"), Kube.NetworkPolicy("shop", "two"));
        await HasAsync("NetworkPolicy shop/two");

        Assert.Equal(["Namespace shop", "Pod shop/web"], Sent(before).Take(2).Select(c => c.Key.ToString()));
        Server.Put(Kube.Pod("shop", "late", "10.0.0.9"));
        await HasAsync("Pod shop/late");
        Server.Delete(Kube.NetworkPolicies, "shop/one");
        await EventuallyAsync(() => !Model().ContainsKey(Key("NetworkPolicy", "shop/one")));
        Assert.Contains(Key("Pod", "shop/late"), Model().Keys);

        before = Intents.Count;
        Server.Delete(Kube.NetworkPolicies, "shop/two");
        await EventuallyAsync(() => Model().Count == 0 && Server.WatcherCount(Kube.Pods) == 0);
        var last = Intents.Skip(before).ToList();
        Assert.Equal([(Key("NetworkPolicy", "shop/two"), null)], last[0].Changes);
        Assert.DoesNotContain(last[0].Listed, l => IsPeer(l.Key));
        Assert.Equal(
            [PolicyObjectKind.Namespace, PolicyObjectKind.Pod], last.Skip(1).SelectMany(i => i.Listed.Keys).Order());
        Assert.Equal((0, 0), (_controller.GetStatus().Pods, _controller.GetStatus().Namespaces));

        // And again: the pods are listed anew.
        var lists = Server.CountLists(Kube.Pods);
        Server.Put(Kube.NetworkPolicy("shop", "three"));
        await HasAsync("NetworkPolicy shop/three");
        Assert.Equal(lists + 1, Server.CountLists(Kube.Pods));
        await HoldsAsync();
    }

    [Fact]
    public async Task A_policy_waits_while_pods_cannot_be_listed()
    {
        var isDown = true;
        Server.Put(Kube.Namespace("shop"), Kube.Pod("shop", "web", "10.0.0.1"), Kube.NetworkPolicy("shop", "closed"));
        Server.Intercept = async context =>
        {
            if (!isDown || context.Request.Path != Kube.Pods)
            {
                return false;
            }

            await FakeApiServer.FailAsync(context, 403, "Forbidden", "pods is forbidden");
            return true;
        };
        Start();
        await EventuallyAsync(() => _controller.Problem.Contains("pods is forbidden", StringComparison.Ordinal));
        Assert.StartsWith("Pod objects not listed yet", _controller.Problem, StringComparison.Ordinal);
        Assert.DoesNotContain(Intents, i => i.IsSynced || i.Changes.Any(c => IsPolicy(c.Key.Kind)));

        isDown = false;
        await EventuallyAsync(() => _controller.GetStatus().Synced);
        Assert.Equal("", _controller.Problem);
        await HoldsAsync();
    }

    [Fact]
    public async Task Pods_that_change_only_in_what_policy_does_not_need_submit_nothing()
    {
        Server.Put(Kube.Namespace("shop"), Kube.Pod("shop", "web", "10.0.0.1"), Kube.NetworkPolicy("shop", "closed"));
        await SyncAsync();
        await HoldsAsync();
        var before = Intents.Count;
        for (var i = 0; i < 200; i++)
        {
            Server.Put(Kube.Pod("shop", "web", "10.0.0.1").With("status.startTime", $"t{i}").With("metadata.annotations.round", $"{i}"));
        }

        Server.Put(Kube.Pod("shop", "web", "10.0.0.1", ("app", "x")));
        await EventuallyAsync(() => Model()[Key("Pod", "shop/web")] is PodRecord { Labels.Labels.Count: 1 });
        Assert.Single(Sent(before));
    }

    [Fact]
    public async Task Many_pods_come_in_batches()
    {
        Server.Put(Kube.Namespace("shop"), Kube.NetworkPolicy("shop", "closed"));
        Server.Put([.. Enumerable.Range(0, 600).Select(i => Kube.Pod("shop", $"p{i:d3}", $"10.1.{i / 250}.{(i % 250) + 1}"))]);
        await SyncAsync();

        Assert.All(Intents, i => Assert.InRange(i.Changes.Count, 0, PolicyState.MaxBatch));
        Assert.Equal(602, Sent().Count);
        Assert.Equal("NetworkPolicy shop/closed", Sent()[^1].Key.ToString());
        // Removals of unknown objects come last.
        Assert.All(
            Intents.Where(i => i.Listed.ContainsKey(PolicyObjectKind.Pod)), i => Assert.Equal(600, i.Listed[PolicyObjectKind.Pod].Count));
        Assert.DoesNotContain(Intents.SkipLast(2), i => i.Listed.ContainsKey(PolicyObjectKind.Pod));
        await HoldsAsync();
    }

    [Fact]
    public async Task An_expired_watch_and_a_lost_API_server_keep_what_is_known()
    {
        Server.Put(Kube.Namespace("shop"), Kube.Pod("shop", "a", "10.0.0.1"), Kube.Pod("shop", "b", "10.0.0.2"), Kube.NetworkPolicy("shop", "closed"));
        await SyncAsync();
        await HoldsAsync();
        var before = Intents.Count;
        await Server.StopAsync();
        Server.Put(Kube.Pod("shop", "c", "10.0.0.3"));
        Server.Delete(Kube.Pods, "shop/a");
        Server.Compact();
        await Task.Delay(100, TestContext.Current.CancellationToken);
        Assert.Empty(Sent(before));
        Assert.Equal(4, Model().Count);

        await Server.RestartAsync();
        await HasAsync("Pod shop/c");
        await HoldsAsync();
        Assert.Equal(
            new[] { Key("Pod", "shop/a"), Key("Pod", "shop/c") }, Sent(before).Select(c => c.Key).Distinct().OrderBy(k => k.Name));
    }

    [Fact]
    public async Task A_pod_is_unknown_until_its_namespace_is_known()
    {
        Server.Put(Kube.Namespace("shop"), Kube.NetworkPolicy("shop", "closed"));
        await SyncAsync();
        Server.Put(Kube.Pod("new", "web", "10.0.0.1"), Kube.Pod("shop", "web", "10.0.0.2"));
        await HasAsync("Pod shop/web");
        Assert.DoesNotContain(Key("Pod", "new/web"), Model().Keys);

        var before = Intents.Count;
        Server.Put(Kube.Namespace("new", ("a", "b")));
        await HasAsync("Pod new/web");
        Assert.Equal(["Namespace new", "Pod new/web"], Sent(before).Select(c => c.Key.ToString()));
        Server.Delete(Kube.Namespaces, "/new");
        await EventuallyAsync(() => !Model().ContainsKey(Key("Pod", "new/web")) && !Model().ContainsKey(Key("Namespace", "new")));
    }

    [Fact]
    public async Task Refused_changes_are_submitted_again()
    {
        Server.Put(Kube.Namespace("shop"), Kube.Pod("shop", "a", "10.0.0.1"), Kube.NetworkPolicy("shop", "closed"));
        _core.Refusal = IntentException.Unavailable("restarting");
        Start();
        await EventuallyAsync(() => _controller.Problem == "restarting");
        var refused = Intents.Count;
        _core.Refusal = null;
        await EventuallyAsync(() => _controller.Problem.Length == 0);

        Assert.Equal(
            ["Namespace shop", "Pod shop/a", "NetworkPolicy shop/closed"],
            Sent(refused).Select(c => c.Key.ToString()).Distinct());
        Assert.True(Intents[^1].IsSynced);
        await HoldsAsync(refused);
    }

    [Fact]
    public async Task An_unreadable_policy_closes_its_namespace_and_says_so()
    {
        var wrong = Kube.NetworkPolicy("shop", "odd").With("spec.policyTypes", new JsonArray("Forward"));
        Server.Put(Kube.Namespace("shop"), Kube.NetworkPolicy("shop", "odd"));
        await SyncAsync();
        Server.Put(wrong);
        await EventuallyAsync(() => Model()[Key("NetworkPolicy", "shop/odd")] is NetworkPolicyRecord { Types.Count: 2, HasEgress: true });

        var status = _controller.GetStatus();
        Assert.Equal(
            (1, "1 policy is not enforceable as written: NetworkPolicy shop/odd: spec.policyTypes[0]: \"Forward\" is neither Ingress nor Egress"),
            (status.NotEnforceable, status.Notice));
        var reported = Assert.Single(_events);
        Assert.Equal(
            (new ObjectReference("networking.k8s.io/v1", "NetworkPolicy", "shop", "odd", "uid-odd"), "PolicyNotRead", true),
            (reported.Regarding, reported.Reason, reported.IsWarning));
        Assert.Contains("spec.policyTypes[0]", reported.Note, StringComparison.Ordinal);

        Server.Put(Kube.NetworkPolicy("shop", "odd"));
        await EventuallyAsync(() => _controller.GetStatus().NotEnforceable == 0);
        await HoldsAsync();
    }

    [Fact]
    public async Task Reasons_are_bounded()
    {
        Server.Put([.. Enumerable.Range(0, 40).Select(i => Kube.NetworkPolicy("shop", $"odd-{i:d2}").With("spec.policyTypes", new JsonArray("Forward")))]);
        Server.Put(Kube.Namespace("shop"));
        await SyncAsync();

        var status = _controller.GetStatus();
        Assert.Equal((40, PolicyState.MaxProblems), (status.NotEnforceable, status.Reasons.Count));
    }

    [Fact]
    public async Task Cluster_policies_are_watched_where_their_CRD_is()
    {
        Server.HasClusterPolicies = true;
        Server.Put(
            Kube.Namespace("shop"),
            Kube.ClusterPolicy("guard").With("spec.egress", JsonNode.Parse("""[{"action":"Accept","to":[{"domainNames":["a.example"]}]}]""")));
        await SyncAsync();

        Assert.Equal(["Namespace shop", "ClusterNetworkPolicy guard"], Sent().Select(c => c.Key.ToString()));
        var reported = Assert.Single(_events);
        Assert.Equal(
            (new ObjectReference("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", "", "guard", "uid-guard"), "PolicyPartlyEnforced"),
            (reported.Regarding, reported.Reason));
        Assert.Equal(1, _controller.GetStatus().NotEnforceable);
        Server.Delete(Kube.ClusterPolicies, "/guard");
        await EventuallyAsync(() => Model().Count == 0);
    }

    [Fact]
    public async Task Nodes_are_watched_only_while_a_policy_asks_for_them()
    {
        Server.HasClusterPolicies = true;
        Server.Put(Kube.Namespace("shop"), Kube.Node("node-1", "a").WithAddresses(["192.0.2.1"]), Kube.ClusterPolicy("guard"));
        await SyncAsync();
        Assert.Equal(0, Server.CountLists(Kube.Nodes));

        var before = Intents.Count;
        Server.Put(ToNodes("guard"));
        await EventuallyAsync(() => Model()[Key("ClusterNetworkPolicy", "guard")] is ClusterPolicyRecord { HasNodePeers: true });
        Assert.Equal(["Node node-1", "ClusterNetworkPolicy guard"], Sent(before).Select(c => c.Key.ToString()));
        Assert.Equal(1, _controller.GetStatus().Nodes);
        Assert.Empty(_events);

        // A node changes with every status report; only its labels and addresses count.
        before = Intents.Count;
        for (var i = 0; i < 50; i++)
        {
            Server.Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.1"]).With("status.phase", $"{i}"));
        }

        Server.Put(Kube.Node("node-1", "b").WithAddresses(["192.0.2.1"]), Kube.Node("node-2", "b").WithAddresses(["192.0.2.2", "fd00::2"]));
        await EventuallyAsync(() => Model().GetValueOrDefault(Key("Node", "node-2")) is NodeRecord { Addresses.Count: 2 });
        Assert.Equal(["Node node-1", "Node node-2"], Sent(before).Select(c => c.Key.ToString()));

        Server.Put(Kube.ClusterPolicy("guard"));
        await EventuallyAsync(() => !Model().Keys.Any(k => k.Kind == PolicyObjectKind.Node) && Server.WatcherCount(Kube.Nodes) == 0);
        Assert.Equal(0, _controller.GetStatus().Nodes);
        Assert.Contains(Key("Namespace", "shop"), Model().Keys);
    }

    [Fact]
    public async Task Only_a_policy_that_asks_for_nodes_waits_while_they_cannot_be_listed()
    {
        var isDown = true;
        Server.HasClusterPolicies = true;
        Server.Put(Kube.Namespace("shop"), Kube.NetworkPolicy("shop", "closed"), Kube.Node("node-1", "a").WithAddresses(["192.0.2.1"]));
        Server.Intercept = async context =>
        {
            if (!isDown || context.Request.Path != Kube.Nodes)
            {
                return false;
            }

            await FakeApiServer.FailAsync(context, 403, "Forbidden", "nodes is forbidden");
            return true;
        };
        await SyncAsync();
        Server.Put(ToNodes("guard"));
        await EventuallyAsync(() => _controller.Problem.Contains("nodes is forbidden", StringComparison.Ordinal));
        Server.Put(Kube.Pod("shop", "late", "10.0.0.9"));
        await HasAsync("Pod shop/late");
        Assert.DoesNotContain(Key("ClusterNetworkPolicy", "guard"), Model().Keys);

        isDown = false;
        await HasAsync("ClusterNetworkPolicy guard");
        await EventuallyAsync(() => _controller.Problem.Length == 0);
        Assert.Contains(Key("Node", "node-1"), Model().Keys);
    }

    private static JsonObject ToNodes(string name) =>
        Kube.ClusterPolicy(name).With("spec.egress", JsonNode.Parse("""[{"action":"Accept","to":[{"nodes":{}}]}]"""));

    private static PolicyObjectKey Key(string kind, string name) => new(Enum.Parse<PolicyObjectKind>(kind), name);

    private static bool IsPolicy(PolicyObjectKind kind) => kind is PolicyObjectKind.NetworkPolicy or PolicyObjectKind.ClusterNetworkPolicy;

    private static bool IsPeer(PolicyObjectKind kind) => kind is PolicyObjectKind.Namespace or PolicyObjectKind.Pod;

    private static Task EventuallyAsync(Func<bool> condition) => Eventually.TrueAsync(condition, () => "");

    private void Start() => _running = _controller.RunAsync(_stop.Token);

    private async Task SyncAsync()
    {
        Start();
        await Eventually.TrueAsync(() => _controller.GetStatus().Synced, () => _controller.GetStatus().ToString());
    }

    private Task HasAsync(string key) => Eventually.TrueAsync(
        () => Model().Keys.Any(k => k.ToString() == key), () => string.Join(", ", Model().Keys));

    /// <summary>All changes, in order, from the intent with this number on.</summary>
    private List<(PolicyObjectKey Key, PolicyObject? Object)> Sent(int from = 0) => [.. Intents.Skip(from).SelectMany(i => i.Changes)];

    /// <summary>What a programmer that executes the intents has. It is never a policy without its pods.</summary>
    private Dictionary<PolicyObjectKey, PolicyObject> Model(int from = 0)
    {
        var model = new Dictionary<PolicyObjectKey, PolicyObject>();
        foreach (var intent in Intents.Skip(from))
        {
            var kept = intent.Changes.Select(c => c.Key).ToHashSet();
            var listed = intent.Listed;
            var gone = model.Keys.Where(k => listed.ContainsKey(k.Kind) && !listed[k.Kind].Contains(k.Name) && !kept.Contains(k)).ToList();
            gone.ForEach(k => model.Remove(k));

            foreach (var (key, record) in intent.Changes)
            {
                if (record is null)
                {
                    model.Remove(key);
                }
                else
                {
                    model[key] = record;
                }
            }
        }

        return model;
    }

    /// <summary>Waits until the programmer has exactly what the API server has.</summary>
    private async Task HoldsAsync(int from = 0)
    {
        await Eventually.TrueAsync(
            () => Model(from).Keys.Select(k => k.ToString()).ToHashSet(StringComparer.Ordinal).SetEquals(Expected()),
            () => $"{string.Join(", ", Model(from).Keys)} instead of {string.Join(", ", Expected())}");
    }

    private IEnumerable<string> Expected() =>
        Server.Names(Kube.Namespaces).Select(n => $"Namespace {n.TrimStart('/')}")
            .Concat(Server.Names(Kube.Pods).Select(n => $"Pod {n}"))
            .Concat(Server.Names(Kube.NetworkPolicies).Select(n => $"NetworkPolicy {n}"))
            .Concat(Server.Names(Kube.ClusterPolicies).Select(n => $"ClusterNetworkPolicy {n.TrimStart('/')}"));
}
