using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>ClusterNetworkPolicy around NetworkPolicy: which of them decides about a packet from x/client to x/server.</summary>
public sealed class ClusterPolicyTests
{
    private readonly PolicyCompiler _compiler = new();
    private readonly PolicyTables _tables = new();
    private readonly KubernetesPolicies _kubernetes;

    public ClusterPolicyTests()
    {
        _kubernetes = new KubernetesPolicies(_compiler);
        Write(_compiler.SetPodRanges([PolicyNet.Parse("10.0.0.0/24")]));
        Write(_kubernetes.SetNamespace("x", new NamespaceRecord("x", LabelSet.Of([new("team", "x")]))));
        Write(_kubernetes.SetPod("x/client", Pod("client", "10.0.0.1", isLocal: false)));
        Write(_kubernetes.SetPod("x/server", Pod("server", "10.0.0.2", isLocal: true)));
    }

    [Fact]
    public void Admin_comes_before_NetworkPolicy_and_Baseline_after_it()
    {
        Assert.Equal("not judged", Decision());
        Write(_kubernetes.SetClusterPolicy("base", Cluster("base", 0, PolicyAction.Deny, isBaseline: true)));
        Assert.Equal("deny ClusterNetworkPolicy base ingress[0]", Decision());
        Write(_kubernetes.SetNetworkPolicy("x/np", Network(new PolicyPeer { Pods = LabelSelector.All })));
        Assert.Equal("allow NetworkPolicy x/np ingress[0]", Decision());
        Write(_kubernetes.SetNetworkPolicy("x/np", Network()));
        Assert.Equal("deny tier NetworkPolicy default", Decision());
        Write(_kubernetes.SetClusterPolicy("admin", Cluster("admin", 10, PolicyAction.Allow)));
        Assert.Equal("allow ClusterNetworkPolicy admin ingress[0]", Decision());
        Write(_kubernetes.SetClusterPolicy("first", Cluster("first", 9, PolicyAction.Pass)));
        Assert.Equal("deny tier NetworkPolicy default", Decision());
        Write(_kubernetes.SetNetworkPolicy("x/np", null));
        Assert.Equal("deny ClusterNetworkPolicy base ingress[0]", Decision());
        Write(_kubernetes.SetClusterPolicy("base", null));
        Assert.Equal("allow default", Decision());
        Write(_kubernetes.SetClusterPolicy("first", null));
        Write(_kubernetes.SetClusterPolicy("admin", null));
        Assert.Equal("not judged", Decision());
        Assert.Empty(_compiler.Model.Policies);
        Assert.Empty(_compiler.Model.Sets);
    }

    [Theory]
    [InlineData((int)PolicyAction.Allow, "allow default")]
    [InlineData((int)PolicyAction.Deny, "deny ClusterNetworkPolicy p ingress[0]")]
    [InlineData((int)PolicyAction.Pass, "deny ClusterNetworkPolicy p ingress[0]")]
    public void A_kind_of_peer_that_is_not_known_fails_closed(int action, string expected)
    {
        Write(_kubernetes.SetClusterPolicy("p", Cluster("p", 1, (PolicyAction)action) with
        {
            Ingress = [new ClusterPolicyRule("", (PolicyAction)action, [new PolicyPeer()], [])],
        }));

        Assert.Equal(expected, Decision());
    }

    [Fact]
    public void A_named_port_is_another_number_in_each_pod()
    {
        var policy = new NetworkPolicyRecord("x", "np", LabelSelector.All,
            [new NetworkPolicyRule([], [new PolicyPort(IpProtocol.Tcp, null, null, "http")])], [], []);
        Write(_kubernetes.SetPod("x/server", Pod("server", "10.0.0.2", isLocal: true) with { Ports = [new("http", IpProtocol.Tcp, 80)] }));
        Write(_kubernetes.SetPod("x/other", Pod("other", "10.0.0.3", isLocal: true) with { Ports = [new("http", IpProtocol.Tcp, 8080)] }));
        Write(_kubernetes.SetNetworkPolicy("x/np", policy));

        Assert.StartsWith("allow", Decision("x/server", 80), StringComparison.Ordinal);
        Assert.StartsWith("deny", Decision("x/server", 8080), StringComparison.Ordinal);
        Assert.StartsWith("deny", Decision("x/other", 80), StringComparison.Ordinal);
        Assert.StartsWith("allow", Decision("x/other", 8080), StringComparison.Ordinal);
    }

    [Fact]
    public void Pods_on_the_host_network_and_finished_ones_are_selected_by_nothing()
    {
        Write(_kubernetes.SetNetworkPolicy("x/np", Network(new PolicyPeer { Pods = LabelSelector.All })));
        Assert.StartsWith("allow", Decision(), StringComparison.Ordinal);
        Write(_kubernetes.SetPod("x/client", Pod("client", "10.0.0.1", isLocal: false) with { IsHostNetwork = true }));
        Assert.StartsWith("deny", Decision(), StringComparison.Ordinal);
        Write(_kubernetes.SetPod("x/client", Pod("client", "10.0.0.1", isLocal: false)));
        Assert.StartsWith("allow", Decision(), StringComparison.Ordinal);
        Write(_kubernetes.SetPod("x/client", Pod("client", "10.0.0.1", isLocal: false) with { IsFinished = true }));
        Assert.StartsWith("deny", Decision(), StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_policies_are_refused_whole_and_the_field_is_named()
    {
        Write(_kubernetes.SetNetworkPolicy("x/np", Network(new PolicyPeer { Pods = LabelSelector.All })));

        Assert.Equal("spec.ingress[0].from[0].ipBlock", Field(Network(
            new PolicyPeer { Pods = LabelSelector.All, Nets = [PolicyNet.AllIpv4] })));
        Assert.Equal("spec.ingress[0].from[0]", Field(Network(new PolicyPeer())));
        Assert.Equal("spec.egress[0].ports[0].endPort", Field(Network() with
        {
            Egress = [new NetworkPolicyRule([], [new PolicyPort(IpProtocol.Tcp, null, 90, "http")])],
        }));
        Assert.Equal("spec.priority", Assert.Throws<IntentException>(
            () => _kubernetes.SetClusterPolicy("p", Cluster("p", 1001, PolicyAction.Deny))).Field);
        Assert.StartsWith("allow", Decision(), StringComparison.Ordinal);

        string Field(NetworkPolicyRecord policy) =>
            Assert.Throws<IntentException>(() => _kubernetes.SetNetworkPolicy("x/np", policy)).Field;
    }

    private static PodRecord Pod(string name, string address, bool isLocal) =>
        new("x", name, LabelSet.Of([new("app", name)]), [PolicyAddress.Parse(address)], []) { IsLocal = isLocal };

    private static NetworkPolicyRecord Network(params PolicyPeer[] from) => new(
        "x", "np", LabelSelector.All, from.Length == 0 ? [] : [new NetworkPolicyRule([.. from], [])], [], ["Ingress"]);

    private static ClusterPolicyRecord Cluster(string name, int priority, PolicyAction action, bool isBaseline = false) => new(
        name, isBaseline, priority, LabelSelector.All, LabelSelector.All,
        [new ClusterPolicyRule("", action, [new PolicyPeer { Namespaces = LabelSelector.All }], [])], []);

    private void Write(IReadOnlyList<RowChange> changes)
    {
        _tables.Learn(_compiler);
        _tables.Apply(changes);
    }

    private string Decision(string server = "x/server", ushort port = 80)
    {
        var packet = new PolicyPacket(PolicyAddress.Parse("10.0.0.1"), IpProtocol.Tcp, port);
        var verdict = _tables.Judge(_compiler, server, PolicyDirection.Ingress, packet);
        if (verdict is not { } decided)
        {
            return "not judged";
        }

        Assert.Equal(PolicyEvaluator.Judge(_compiler.Model, _compiler.Model.Endpoints[server], PolicyDirection.Ingress, packet), decided);
        return $"{(decided.IsAllowed ? "allow" : "deny")} {decided.Rule}";
    }
}
