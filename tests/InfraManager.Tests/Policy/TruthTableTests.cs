using System.Text.Json.Nodes;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>
/// The truth tables of Kubernetes' end-to-end tests of NetworkPolicy, and of the conformance tests of ClusterNetworkPolicy: what the
/// evaluator says, and what the compiled tables say.
/// </summary>
public sealed class TruthTableTests
{
    private static readonly IReadOnlyDictionary<string, TruthTable> Network = TruthTable.Load("netpol-e2e.json");
    private static readonly IReadOnlyDictionary<string, TruthTable> Cluster = TruthTable.Load("cluster-network-policy.json");

    public static TheoryData<string> NetworkNames => [.. Network.Keys];

    public static TheoryData<string> ClusterNames => [.. Cluster.Keys];

    [Fact]
    public void Every_case_is_there() => Assert.Equal((48, 24), (Network.Count, Cluster.Count));

    [Theory]
    [MemberData(nameof(NetworkNames))]
    public void Pods_reach_each_other_as_Kubernetes_expects(string name) => Run(Network[name]);

    [Theory]
    [MemberData(nameof(ClusterNames))]
    public void Pods_reach_each_other_as_conformance_expects(string name) => Run(Cluster[name]);

    private static void Run(TruthTable test)
    {
        var (compiler, tables) = (new PolicyCompiler(), new PolicyTables());
        var kubernetes = new KubernetesPolicies(compiler);
        compiler.SetPodRanges([PolicyNet.Parse("10.244.0.0/16")]);
        var known = new HashSet<PolicyObjectKey>();
        foreach (var (objects, probes) in test.Steps)
        {
            var wanted = objects.Select(ReadLocal).ToDictionary(o => o.ObjectKey);
            var changes = kubernetes.Set(
            [
                .. known.Where(k => !wanted.ContainsKey(k)).Select(k => (k, (PolicyObject?)null)),
                .. wanted.Select(o => (o.Key, (PolicyObject?)o.Value)),
            ]);
            known = [.. wanted.Keys];
            tables.Learn(compiler);
            tables.Apply(changes);
            foreach (var probe in probes)
            {
                Check(probe);
            }
        }

        void Check(Probe probe)
        {
            var egress = new PolicyPacket(PolicyAddress.Parse(test.Addresses[probe.To]), probe.Protocol, probe.Port);
            var ingress = egress with { Peer = PolicyAddress.Parse(test.Addresses[probe.From]) };
            var byEvaluator = Evaluate(probe.From, PolicyDirection.Egress, egress) && Evaluate(probe.To, PolicyDirection.Ingress, ingress);
            var byTables = Judge(probe.From, PolicyDirection.Egress, egress) && Judge(probe.To, PolicyDirection.Ingress, ingress);
            Assert.True(probe.Passes == byEvaluator, $"{probe}: the evaluator says {byEvaluator}");
            Assert.True(probe.Passes == byTables, $"{probe}: the tables say {byTables}");
        }

        bool Judge(string pod, PolicyDirection direction, PolicyPacket packet) => test.Hosts.ContainsKey(pod)
            || (tables.Judge(compiler, pod, direction, packet)?.IsAllowed ?? true);

        // What comes to a pod on the host network is not judged.
        bool Evaluate(string pod, PolicyDirection direction, PolicyPacket packet) => test.Hosts.ContainsKey(pod)
            || PolicyEvaluator.Judge(compiler.Model, compiler.Model.Endpoints[pod], direction, packet).IsAllowed;
    }

    private static PolicyObject ReadLocal(JsonObject item)
    {
        var record = ApiObjects.Read(item).Record!;
        return record is PodRecord { IsHostNetwork: false } pod ? pod with { IsLocal = true } : record;
    }
}
