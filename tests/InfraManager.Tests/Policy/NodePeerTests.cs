using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>Peers by nodes, as policy.networking.k8s.io/v1alpha2 describes them: what the pod x/client may reach.</summary>
public sealed class NodePeerTests
{
    private readonly PolicyCompiler _compiler = new();
    private readonly PolicyTables _tables = new();
    private readonly KubernetesPolicies _kubernetes;

    public NodePeerTests()
    {
        _kubernetes = new KubernetesPolicies(_compiler);
        Write(_compiler.SetPodRanges([PolicyNet.Parse("10.0.0.0/24")]));
        Write(_kubernetes.SetNamespace("x", new NamespaceRecord("x", LabelSet.Of([]))));
        Write(_kubernetes.SetPod("x/client", Pod("client", "10.0.0.1") with { IsLocal = true, Node = "node-1" }));
        Write(_kubernetes.SetNode("node-1", Node("node-1", "a", "192.0.2.1", "2001:db8::1")));
        Write(_kubernetes.SetNode("node-2", Node("node-2", "b", "192.0.2.2", "198.51.100.2")));
    }

    [Fact]
    public void All_addresses_of_the_nodes_match_the_pods_own_node_too()
    {
        Accept(new PolicyPeer { Nodes = LabelSelector.All });

        Assert.Equal(
            ["192.0.2.1", "192.0.2.2", "198.51.100.2", "2001:db8::1"],
            Reached("192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.2", "198.51.100.1", "2001:db8::1", "2001:db8::2"));
    }

    [Fact]
    public void Nodes_are_selected_by_their_labels_as_they_are_now()
    {
        Accept(new PolicyPeer { Nodes = Zone("a") });
        Assert.Equal(["192.0.2.1"], Reached("192.0.2.1", "192.0.2.2"));
        Write(_kubernetes.SetNode("node-2", Node("node-2", "a", "192.0.2.2")));
        Assert.Equal(["192.0.2.1", "192.0.2.2"], Reached("192.0.2.1", "192.0.2.2", "198.51.100.2"));
        Write(_kubernetes.SetNode("node-1", Node("node-1", "b", "192.0.2.1")));
        Assert.Equal(["192.0.2.2"], Reached("192.0.2.1", "192.0.2.2"));
        Write(_kubernetes.SetNode("node-2", null));
        Assert.Empty(Reached("192.0.2.1", "192.0.2.2"));
    }

    [Fact]
    public void A_deny_of_nodes_leaves_everything_else()
    {
        Write(_kubernetes.SetClusterPolicy("p", Policy(PolicyAction.Deny, new PolicyPeer { Nodes = Zone("b") })));

        // A host that no Node has is no node; what may be any pod is not known.
        Assert.Equal(
            ["192.0.2.1", "203.0.113.9", "10.0.1.7"], Reached("192.0.2.1", "192.0.2.2", "198.51.100.2", "203.0.113.9", "10.0.1.7", "10.0.0.77"));
    }

    [Fact]
    public void An_address_in_a_pod_range_that_is_not_known_matches_no_allow_and_every_deny()
    {
        Accept(new PolicyPeer { Nodes = LabelSelector.All });
        Assert.Empty(Reached("10.0.0.77"));
        Write(_kubernetes.SetClusterPolicy("p", Policy(PolicyAction.Deny, new PolicyPeer { Nodes = LabelSelector.All })));
        Assert.Empty(Reached("10.0.0.77"));
        Write(_kubernetes.SetPod("x/other", Pod("other", "10.0.0.77")));
        Assert.Equal(["10.0.0.77"], Reached("10.0.0.77"));
    }

    [Fact]
    public void An_address_may_be_a_nodes_and_a_pods()
    {
        Accept(new PolicyPeer { Nodes = Zone("a") });
        Write(_kubernetes.SetClusterPolicy("q", Policy(PolicyAction.Allow, new PolicyPeer { Namespaces = LabelSelector.All }) with
        {
            Name = "q",
            Priority = 0,
        }));
        Write(_kubernetes.SetPod("x/other", Pod("other", "10.0.0.9")));
        Write(_kubernetes.SetNode("node-3", Node("node-3", "b", "10.0.0.9")));
        Assert.Equal(["10.0.0.9"], Reached("10.0.0.9"));
        Write(_kubernetes.SetPod("x/other", null));
        Assert.Empty(Reached("10.0.0.9"));
        Write(_kubernetes.SetNode("node-4", Node("node-4", "a", "10.0.0.9")));
        Assert.Equal(["10.0.0.9"], Reached("10.0.0.9"));
        Write(_kubernetes.SetNode("node-4", null));
        Assert.Empty(Reached("10.0.0.9"));
        Write(_kubernetes.SetPod("x/other", Pod("other", "10.0.0.9")));
        Write(_kubernetes.SetNode("node-3", null));
        Assert.Equal(["10.0.0.9"], Reached("10.0.0.9"));
    }

    [Fact]
    public void Pods_on_the_host_network_are_reached_as_their_node()
    {
        Write(_kubernetes.SetPod("x/host", Pod("host", "192.0.2.2") with { IsHostNetwork = true, Node = "node-2" }));
        Accept(new PolicyPeer { Namespaces = LabelSelector.All });
        Assert.Empty(Reached("192.0.2.2"));
        Accept(new PolicyPeer { Nodes = Zone("b") });
        Assert.Equal(["192.0.2.2"], Reached("192.0.2.2"));
    }

    [Fact]
    public void Nodes_have_no_named_ports()
    {
        Write(_kubernetes.SetPod("x/other", Pod("other", "10.0.0.9") with { Ports = [new("http", IpProtocol.Tcp, 80)] }));
        Accept(
            [new PolicyPeer { Nodes = LabelSelector.All }, new PolicyPeer { Namespaces = LabelSelector.All }],
            [new PolicyPort(null, null, null, "http")]);

        Assert.Equal(["10.0.0.9"], Reached("10.0.0.9", "192.0.2.1"));
    }

    [Fact]
    public void Nothing_of_a_policy_is_left()
    {
        Accept(new PolicyPeer { Nodes = LabelSelector.All });
        Assert.NotEmpty(_compiler.Model.Sets);
        Write(_kubernetes.SetClusterPolicy("p", null));
        Write(_kubernetes.SetNode("node-1", null));
        Write(_kubernetes.SetNode("node-2", null));

        Assert.Empty(_compiler.Model.Sets);
        Assert.Equal(["10.0.0.1"], _compiler.Model.Peers.Addresses.Select(a => $"{a}"));
    }

    private static PodRecord Pod(string name, string address) =>
        new("x", name, LabelSet.Of([new("app", name)]), [PolicyAddress.Parse(address)], []);

    private static NodeRecord Node(string name, string zone, params string[] addresses) =>
        new(name, LabelSet.Of([new("zone", zone)]), [.. addresses.Select(PolicyAddress.Parse).Order()]);

    private static LabelSelector Zone(string value) => new([new LabelRequirement("zone", LabelOperator.In, [value])]);

    private static ClusterPolicyRecord Policy(PolicyAction action, PolicyPeer peer) => Policy(action, [peer], []);

    private static ClusterPolicyRecord Policy(PolicyAction action, SequenceOf<PolicyPeer> peers, SequenceOf<PolicyPort> ports) =>
        new("p", false, 1, LabelSelector.All, LabelSelector.All, [], [new ClusterPolicyRule("", action, peers, ports)]);

    /// <summary>Accepts egress to these peers only.</summary>
    private void Accept(PolicyPeer peer) => Accept([peer], []);

    /// <summary>Accepts egress to these peers at these ports only.</summary>
    private void Accept(SequenceOf<PolicyPeer> peers, SequenceOf<PolicyPort> ports)
    {
        var policy = Policy(PolicyAction.Allow, peers, ports);
        var everything = new PolicyPeer { Nets = [PolicyNet.AllIpv4, PolicyNet.Parse("::/0")] };
        Write(_kubernetes.SetClusterPolicy("p", policy with
        {
            Egress = [.. policy.Egress, new ClusterPolicyRule("", PolicyAction.Deny, [everything], [])],
        }));
    }

    private void Write(IReadOnlyList<RowChange> changes)
    {
        _tables.Learn(_compiler);
        _tables.Apply(changes);
    }

    /// <summary>Those of the addresses that TCP to port 80 reaches, as the evaluator and the tables agree.</summary>
    private List<string> Reached(params string[] addresses) => [.. addresses.Where(a =>
    {
        var packet = new PolicyPacket(PolicyAddress.Parse(a), IpProtocol.Tcp, 80);
        var expected = PolicyEvaluator.Judge(_compiler.Model, _compiler.Model.Endpoints["x/client"], PolicyDirection.Egress, packet);
        Assert.Equal(expected.IsAllowed, _tables.Judge(_compiler, "x/client", PolicyDirection.Egress, packet)?.IsAllowed ?? true);
        return expected.IsAllowed;
    })];
}
