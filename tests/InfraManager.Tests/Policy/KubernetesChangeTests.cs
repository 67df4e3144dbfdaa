using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>Random changes of Kubernetes objects: what a change leaves must be what a start with the same objects finds.</summary>
public sealed class KubernetesChangeTests
{
    private static readonly string[] Namespaces = ["x", "y"];
    private static readonly string[] Values = ["a", "b", "c"];
    private static readonly string[] NodeAddresses = ["192.0.2.1", "192.0.2.2", "10.0.0.1", "10.0.0.101", "10.0.0.200"];
    private static readonly PolicyAction[] Actions = [PolicyAction.Allow, PolicyAction.Deny, PolicyAction.Pass];

    [Fact]
    public void Changes_end_with_the_tables_of_a_start() => Gen.Int[0, int.MaxValue].Sample(
        seed =>
        {
            var random = new Random(seed);
            var objects = new Dictionary<PolicyObjectKey, PolicyObject>();
            var (compiler, tables) = (new PolicyCompiler(), new PolicyTables());
            var policies = new KubernetesPolicies(compiler);
            Write(tables, compiler, compiler.SetPodRanges([PolicyNet.Parse("10.0.0.0/24")]));
            for (var i = 0; i < 40; i++)
            {
                var changes = Enumerable.Range(0, random.Next(1, 4)).Select(_ => Change(random)).DistinctBy(c => c.Key).ToList();
                foreach (var (key, value) in changes)
                {
                    _ = value is null ? objects.Remove(key) : (objects[key] = value) is not null;
                }

                Write(tables, compiler, policies.Set(changes));
                var (freshCompiler, freshTables) = (new PolicyCompiler(), new PolicyTables());
                Write(freshTables, freshCompiler, freshCompiler.SetPodRanges([PolicyNet.Parse("10.0.0.0/24")]));
                var fresh = new KubernetesPolicies(freshCompiler);
                Write(freshTables, freshCompiler, fresh.Set([.. objects.Select(o => (o.Key, (PolicyObject?)o.Value))]));
                Assert.Equal(CanonicalTables.Of(freshTables, freshCompiler), CanonicalTables.Of(tables, compiler));
                Assert.Equal(freshCompiler.Model.Sets.Keys.Order(), compiler.Model.Sets.Keys.Order());
                Assert.Equal(freshCompiler.Model.Policies.Count, compiler.Model.Policies.Count);
                Assert.Equal(
                    freshCompiler.Model.Peers.Addresses.Order().Select(a => (a, Membership(freshCompiler, a))),
                    compiler.Model.Peers.Addresses.Order().Select(a => (a, Membership(compiler, a))));
            }
        },
        iter: 30);

    [Fact]
    public void An_address_of_a_removed_pod_keeps_the_labels_of_the_pod_that_has_it_now()
    {
        var compiler = new PolicyCompiler();
        var policies = new KubernetesPolicies(compiler);
        policies.SetPod("x/server", Pod("x", "server", "10.0.0.9", "a") with { IsLocal = true });
        policies.SetNetworkPolicy("x/np", new NetworkPolicyRecord(
            "x", "np", LabelSelector.All, [new NetworkPolicyRule([new PolicyPeer { Pods = Selector("b") }], [])], [], []));
        policies.SetPod("x/now", Pod("x", "now", "10.0.0.1", "b"));
        var address = PolicyAddress.Parse("10.0.0.1");
        var isAllowed = Membership(compiler, address);
        Assert.NotNull(isAllowed);
        Assert.Single(isAllowed.Sets);

        // The API server still has a pod that is gone, and changes it once more.
        policies.SetPod("x/gone", Pod("x", "gone", "10.0.0.1", "a"));
        policies.SetPod("x/gone", null);

        Assert.Equal(isAllowed, Membership(compiler, address));
        policies.SetPod("x/now", null);
        Assert.Null(Membership(compiler, address));
    }

    private static PeerMembership? Membership(PolicyCompiler compiler, PolicyAddress address) =>
        compiler.Model.Peers.TryFind(address, out var group) ? group.Membership : null;

    private static void Write(PolicyTables tables, PolicyCompiler compiler, IReadOnlyList<RowChange> changes)
    {
        tables.Learn(compiler);
        tables.Apply(changes);
    }

    private static (PolicyObjectKey Key, PolicyObject? Object) Change(Random random)
    {
        var ns = Pick(random, Namespaces);
        var isGone = random.Next(4) == 0;
        switch (random.Next(10))
        {
            case 0:
                return Of(isGone, new NamespaceRecord(ns, LabelSet.Of([new("team", Pick(random, Values))])));
            case 1 or 2 or 3:
                // Each pod has an address of its own.
                var number = random.Next(8);
                return Of(isGone, Pod(ns, $"pod-{number}", $"10.0.0.{(ns == "x" ? 0 : 100) + number}", Pick(random, Values)) with
                {
                    IsLocal = number < 3,
                    IsHostNetwork = random.Next(8) == 0,
                    IsFinished = random.Next(8) == 0,
                    Ports = random.Next(2) == 0 ? [] : [new ContainerPort("http", IpProtocol.Tcp, (ushort)(80 + random.Next(2)))],
                });
            case 4 or 5 or 6:
                return Of(isGone, new NetworkPolicyRecord(
                    ns, $"np-{random.Next(4)}", Selector(random), Some(random, () => new NetworkPolicyRule(Some(random, () => Peer(random)),
                        Some(random, () => Port(random)))), [], random.Next(2) == 0 ? ["Ingress"] : ["Ingress", "Egress"]));
            case 7:
                // Two nodes may have the same address, and a pod may have it, too.
                return Of(isGone, new NodeRecord(
                    $"node-{random.Next(3)}", LabelSet.Of([new("zone", Pick(random, Values))]),
                    [.. Some(random, () => Pick(random, NodeAddresses)).Select(PolicyAddress.Parse).Distinct().Order()]));
            default:
                return Of(isGone, new ClusterPolicyRecord(
                    $"cnp-{random.Next(3)}", random.Next(2) == 0, random.Next(3), Selector(random, "team"), Selector(random),
                    Some(random, () => new ClusterPolicyRule("", Pick(random, Actions), [Peer(random)], [])),
                    Some(random, () => new ClusterPolicyRule(
                        "", Pick(random, Actions),
                        [random.Next(3) == 0 ? Peer(random) : new PolicyPeer { Nodes = Selector(random, "zone") }], []))));
        }
    }

    private static (PolicyObjectKey Key, PolicyObject? Object) Of(bool isGone, PolicyObject value) =>
        (value.ObjectKey, isGone ? null : value);

    private static PodRecord Pod(string ns, string name, string address, string app) =>
        new(ns, name, LabelSet.Of([new("app", app)]), [PolicyAddress.Parse(address)], []);

    private static PolicyPeer Peer(Random random) => random.Next(3) switch
    {
        0 => new PolicyPeer { Pods = Selector(random) },
        1 => new PolicyPeer { Namespaces = Selector(random, "team"), Pods = Selector(random) },
        _ => new PolicyPeer { Nets = [PolicyNet.Parse("10.0.0.0/29")], Except = [PolicyNet.Parse("10.0.0.2/32")] },
    };

    private static PolicyPort Port(Random random) => random.Next(2) == 0
        ? new PolicyPort(IpProtocol.Tcp, (ushort)(80 + random.Next(3)))
        : new PolicyPort(IpProtocol.Tcp, null, null, "http");

    private static LabelSelector Selector(Random random, string label = "app") =>
        random.Next(4) == 0 ? LabelSelector.All : Selector(Pick(random, Values), label);

    private static LabelSelector Selector(string value, string label = "app") =>
        new([new LabelRequirement(label, LabelOperator.In, [value])]);

    private static SequenceOf<T> Some<T>(Random random, Func<T> make) => [.. Enumerable.Range(0, random.Next(3)).Select(_ => make())];

    private static T Pick<T>(Random random, T[] items) => items[random.Next(items.Length)];
}
