using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Policy;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Kubernetes.Policies;

/// <summary>The order in which changes are submitted.</summary>
public sealed class PolicyStateTests
{
    private readonly PolicyState _state = new();

    [Fact]
    public void A_pod_event_waits_for_one_batch_of_a_list_at_most()
    {
        Listed(10_000);
        _state.Apply(Pod("p9999", "10.9.9.9"));
        _state.Apply(Policy("later"));
        var batch = _state.Take()!;

        Assert.Equal(PolicyState.MaxBatch, batch.Changes.Count);
        Assert.Equal(["Namespace shop", "Pod shop/p9999"], batch.Changes.Take(2).Select(c => c.Key.ToString()));
        Assert.Equal("[10.9.9.9]", ((PodRecord)batch.Changes[1].Object!).Addresses.ToString());
        _state.Apply(Pod("p5", "10.9.9.8"));
        Assert.Equal("Pod shop/p5", _state.Take()!.Changes[0].Key.ToString());

        // The policies come after all pods, and what the lists remove after everything.
        var rest = new List<PolicyObjectKey>();
        while (_state.Take() is { } intent)
        {
            rest.AddRange(intent.Changes.Select(c => c.Key));
            _state.Confirm(intent);
            Assert.Equal(intent.Changes.Any(c => c.Key.Kind == PolicyObjectKind.NetworkPolicy), intent.Listed.Count == 5);
        }

        Assert.Equal(["shop/first", "shop/later"], rest.TakeLast(2).Select(k => k.Name).Order());
        Assert.Equal(10_002 - (2 * (PolicyState.MaxBatch - 1)), rest.Count);
    }

    [Fact]
    public void A_namespace_goes_after_its_pods()
    {
        Listed(3);
        Drain();
        _state.Remove(new PolicyObjectKey(PolicyObjectKind.Namespace, "shop"));
        _state.Remove(new PolicyObjectKey(PolicyObjectKind.Pod, "shop/p1"));
        var changes = _state.Take()!.Changes;

        Assert.Equal(4, changes.Count);
        Assert.Equal("Namespace shop", changes[^1].Key.ToString());
        Assert.All(changes, c => Assert.Null(c.Object));
    }

    [Fact]
    public void A_refused_change_does_not_replace_a_newer_one()
    {
        Listed(1);
        var refused = _state.Take()!;
        _state.Apply(Pod("p0", "10.9.9.9"));
        _state.PutBack(refused);
        var again = _state.Take()!;

        Assert.Equal(refused.Changes.Select(c => c.Key), again.Changes.Select(c => c.Key));
        Assert.Equal("[10.9.9.9]", ((PodRecord)again.Changes[1].Object!).Addresses.ToString());
        Assert.Equal((5, true), (again.Listed.Count, again.IsSynced));
        Assert.False(_state.IsSynced);
        _state.Confirm(again);
        Assert.True(_state.IsSynced);
        Assert.Null(_state.Take());
    }

    [Fact]
    public void A_policy_that_comes_while_the_pod_watch_ends_waits_for_a_new_list()
    {
        Listed(1);
        Drain();
        _state.Remove(new PolicyObjectKey(PolicyObjectKind.NetworkPolicy, "shop/first"));
        Assert.False(_state.CanForgetPeers);
        Drain();
        Assert.True(_state.CanForgetPeers);
        _state.Apply(Policy("second"));
        _state.EndPeers();

        Assert.Null(_state.Take());
        _state.BeginPeers();
        Assert.Null(_state.Take());
        _state.Replace(PolicyObjectKind.Namespace, [Namespace()]);
        _state.Replace(PolicyObjectKind.Pod, [Pod("p0", "10.0.0.1"), Pod("p7", "10.0.0.7")]);
        Assert.Equal(["Pod shop/p7", "NetworkPolicy shop/second"], Drain().Select(k => k.ToString()));
    }

    [Fact]
    public void A_relist_without_changes_submits_only_what_exists()
    {
        Listed(5);
        Drain();
        Listed(5);
        var intent = _state.Take()!;

        Assert.Empty(intent.Changes);
        Assert.Equal(5, intent.Listed[PolicyObjectKind.Pod].Count);
        Assert.Null(_state.Take());
    }

    [Fact]
    public void Only_policies_with_peers_by_nodes_wait_for_nodes()
    {
        Listed(1);
        Drain();
        Assert.True(_state.IsSynced);
        _state.Apply(NodePolicy("guard"));
        _state.Apply(Policy("later"));
        _state.Apply(Pod("p0", "10.9.9.9"));

        Assert.True(_state is { NeedsNodes: true, WaitsForNodes: true, CanForgetNodes: false });
        Assert.Equal(["Pod shop/p0", "NetworkPolicy shop/later"], Drain().Select(k => k.ToString()));
        _state.BeginNodes();
        _state.Replace(PolicyObjectKind.Node, [Node("node-1", "192.0.2.1"), Node("node-2", "192.0.2.2")]);
        Assert.False(_state.WaitsForNodes);
        Assert.Equal(
            ["Node node-1", "Node node-2", "ClusterNetworkPolicy guard"],
            Drain().OrderByDescending(k => k.Kind).ThenBy(k => k.Name).Select(k => k.ToString()));
    }

    [Fact]
    public void The_first_complete_state_has_the_nodes_that_a_policy_asks_for()
    {
        _state.Replace(PolicyObjectKind.NetworkPolicy, []);
        _state.Replace(PolicyObjectKind.ClusterNetworkPolicy, [NodePolicy("guard")]);
        _state.Replace(PolicyObjectKind.Pod, []);
        _state.Replace(PolicyObjectKind.Namespace, [Namespace()]);
        Assert.DoesNotContain("ClusterNetworkPolicy guard", Drain().Select(k => k.ToString()));
        Assert.False(_state.IsSynced);

        _state.Replace(PolicyObjectKind.Node, [Node("node-1", "192.0.2.1")]);
        Assert.Equal(["Node node-1", "ClusterNetworkPolicy guard"], Drain().Select(k => k.ToString()));
        Assert.True(_state.IsSynced);
    }

    [Fact]
    public void Nodes_are_forgotten_with_the_last_policy_that_asks_for_them()
    {
        Listed(1);
        _state.Apply(NodePolicy("guard"));
        _state.BeginNodes();
        _state.Replace(PolicyObjectKind.Node, [Node("node-1", "192.0.2.1")]);
        Drain();
        _state.Remove(new PolicyObjectKey(PolicyObjectKind.ClusterNetworkPolicy, "guard"));

        Assert.True(_state is { NeedsNodes: false, CanForgetNodes: true });
        _state.EndNodes();
        var intent = _state.Take()!;
        Assert.Equal(["ClusterNetworkPolicy guard"], intent.Changes.Select(c => c.Key.ToString()));
        Assert.Empty(intent.Listed[PolicyObjectKind.Node]);
        Assert.False(_state.CanForgetNodes);
        Assert.Null(_state.Take());
    }

    [Fact]
    public void A_node_that_cannot_be_read_keeps_its_last_version()
    {
        Listed(1);
        _state.Apply(NodePolicy("guard"));
        _state.BeginNodes();
        _state.Replace(PolicyObjectKind.Node, [Node("node-1", "192.0.2.1")]);
        Drain();
        // node-2 may be known to the programmer, from before a restart.
        _state.Replace(PolicyObjectKind.Node, [], ["node-1", "node-2"]);
        var intent = _state.Take()!;

        Assert.Empty(intent.Changes);
        Assert.Equal(["node-1", "node-2"], intent.Listed[PolicyObjectKind.Node].Order());
        _state.Replace(PolicyObjectKind.Node, [], ["node-2"]);
        intent = _state.Take()!;
        Assert.Equal(["Node node-1"], intent.Changes.Select(c => c.Key.ToString()));
        Assert.Equal(["node-2"], intent.Listed[PolicyObjectKind.Node]);
    }

    private static PolicyResource Namespace() => Of(new NamespaceRecord("shop", default));

    private static PolicyResource Pod(string name, string address) =>
        Of(new PodRecord("shop", name, default, [PolicyAddress.Parse(address)], []));

    private static PolicyResource Policy(string name) =>
        Of(new NetworkPolicyRecord("shop", name, LabelSelector.All, [], [], ["Ingress"]));

    private static PolicyResource NodePolicy(string name) => Of(new ClusterPolicyRecord(
        name, false, 1, LabelSelector.All, LabelSelector.All, [],
        [new ClusterPolicyRule("", PolicyAction.Deny, [new PolicyPeer { Nodes = LabelSelector.All }], [])]));

    private static PolicyResource Node(string name, string address) =>
        Of(new NodeRecord(name, default, [PolicyAddress.Parse(address)]));

    private static PolicyResource Of(PolicyObject record) =>
        new(new ObjectName("", record.ObjectKey.Name), "uid", "1", record.ObjectKey) { Record = record };

    /// <summary>Lists a namespace, pods and the policy "first".</summary>
    private void Listed(int pods)
    {
        _state.Replace(PolicyObjectKind.NetworkPolicy, [Policy("first")]);
        _state.Replace(PolicyObjectKind.ClusterNetworkPolicy, []);
        // As no policy asks for nodes.
        _state.EndNodes();
        _state.BeginPeers();
        _state.Replace(PolicyObjectKind.Pod, [.. Enumerable.Range(0, pods).Select(i => Pod($"p{i}", $"10.0.{i / 250}.{(i % 250) + 1}"))]);
        Assert.Null(_state.IsSynced ? null : _state.Take());
        _state.Replace(PolicyObjectKind.Namespace, [Namespace()]);
    }

    private List<PolicyObjectKey> Drain()
    {
        var keys = new List<PolicyObjectKey>();
        while (_state.Take() is { } intent)
        {
            keys.AddRange(intent.Changes.Select(c => c.Key));
            _state.Confirm(intent);
        }

        return keys;
    }
}
