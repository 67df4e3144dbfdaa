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
            Assert.Equal(intent.Changes.Any(c => c.Key.Kind == PolicyObjectKind.NetworkPolicy), intent.Listed.Count == 4);
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
        Assert.Equal((4, true), (again.Listed.Count, again.IsSynced));
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

    private static PolicyResource Namespace() => Of(new NamespaceRecord("shop", default));

    private static PolicyResource Pod(string name, string address) =>
        Of(new PodRecord("shop", name, default, [PolicyAddress.Parse(address)], []));

    private static PolicyResource Policy(string name) =>
        Of(new NetworkPolicyRecord("shop", name, LabelSelector.All, [], [], ["Ingress"]));

    private static PolicyResource Of(PolicyObject record) =>
        new(new ObjectName("", record.ObjectKey.Name), "uid", "1", record.ObjectKey) { Record = record };

    /// <summary>Lists a namespace, pods and the policy "first".</summary>
    private void Listed(int pods)
    {
        _state.Replace(PolicyObjectKind.NetworkPolicy, [Policy("first")]);
        _state.Replace(PolicyObjectKind.ClusterNetworkPolicy, []);
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
