using System.Text.Json.Nodes;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>The truth tables of Kubernetes' end-to-end tests of NetworkPolicy: which pods reach which.</summary>
public sealed class NetpolTruthTableTests
{
    private static readonly JsonArray Cases =
        JsonNode.Parse(File.ReadAllText(Repository.At("tests/InfraManager.Tests/Policy/Data/netpol-e2e.json")))!["cases"]!.AsArray();

    public static TheoryData<string> Names => [.. Cases.Select(c => (string)c!["name"]!)];

    [Fact]
    public void Every_case_is_there() => Assert.Equal(48, Names.Count);

    [Theory]
    [MemberData(nameof(Names))]
    public void Pods_reach_each_other_as_Kubernetes_expects(string name)
    {
        var test = Cases.Single(c => (string)c!["name"]! == name)!;
        string[] pods = [.. test["pods"]!.AsArray().Select(p => (string)p!)];
        var address = pods.Select((p, i) => (p, i)).ToDictionary(p => p.p, p => $"10.0.0.{p.i + 1}");
        var (compiler, tables) = (new PolicyCompiler(), new PolicyTables());
        var kubernetes = new KubernetesPolicies(compiler);
        compiler.SetPodRanges([PolicyNet.Parse("10.0.0.0/24")]);
        var policies = new HashSet<string>();
        foreach (var step in test["steps"]!.AsArray())
        {
            foreach (var space in pods.Select(p => p.Split('/')[0]).Distinct())
            {
                Write(kubernetes.SetNamespace(space, new NamespaceRecord(
                    space, Labels(("kubernetes.io/metadata.name", space), step!["namespaceLabels"]?[space]))));
            }

            foreach (var pod in pods)
            {
                var (space, own) = (pod.Split('/')[0], pod.Split('/')[1]);
                Write(kubernetes.SetPod(pod, new PodRecord(
                    space, own, Labels(("pod", own), step!["podLabels"]?[pod]), [PolicyAddress.Parse(address[pod])], [.. Ports()])
                {
                    IsLocal = true,
                }));
            }

            var wanted = step!["policies"]!.AsArray().Select(p => KubernetesJson.NetworkPolicy(Addressed(p!))).ToDictionary(p => p.Key);
            foreach (var gone in policies.Except(wanted.Keys).ToList())
            {
                policies.Remove(gone);
                Write(kubernetes.SetNetworkPolicy(gone, null));
            }

            foreach (var (key, policy) in wanted)
            {
                policies.Add(key);
                Write(kubernetes.SetNetworkPolicy(key, policy));
            }

            foreach (var probe in step["probes"]!.AsArray())
            {
                Probe(probe!);
            }
        }

        void Write(IReadOnlyList<RowChange> changes)
        {
            tables.Learn(compiler);
            tables.Apply(changes);
        }

        // Blocks name a pod's address: {x/b}.
        JsonNode Addressed(JsonNode policy) => JsonNode.Parse(
            address.Aggregate(policy.ToJsonString(), (text, a) => text.Replace($"{{{a.Key}}}", a.Value, StringComparison.Ordinal)))!;

        void Probe(JsonNode probe)
        {
            var protocol = KubernetesJson.Protocol((string)probe["protocol"]!);
            var port = (ushort)(int)probe["port"]!;
            foreach (var (from, to) in pods.SelectMany(f => pods.Where(t => t != f).Select(t => (f, t))))
            {
                var expected = probe["expect"]!.AsArray().Where(e => IsLike(from, (string)e![0]!) && IsLike(to, (string)e[1]!))
                    .Select(e => (bool)e![2]!).LastOrDefault(true);
                var egress = new PolicyPacket(PolicyAddress.Parse(address[to]), protocol, port);
                var ingress = egress with { Peer = PolicyAddress.Parse(address[from]) };

                var byEvaluator = Evaluate(from, PolicyDirection.Egress, egress) && Evaluate(to, PolicyDirection.Ingress, ingress);
                var byTables = (tables.Judge(compiler, from, PolicyDirection.Egress, egress)?.IsAllowed ?? true)
                    && (tables.Judge(compiler, to, PolicyDirection.Ingress, ingress)?.IsAllowed ?? true);
                Assert.True(expected == byEvaluator, $"{from} -> {to} port {port}: the evaluator says {byEvaluator}");
                Assert.True(expected == byTables, $"{from} -> {to} port {port}: the tables say {byTables}");
            }
        }

        bool Evaluate(string pod, PolicyDirection direction, PolicyPacket packet) =>
            PolicyEvaluator.Judge(compiler.Model, compiler.Model.Endpoints[pod], direction, packet).IsAllowed;
    }

    private static bool IsLike(string pod, string pattern) =>
        pattern == "*" || pattern == pod
        || (pattern.EndsWith("/*", StringComparison.Ordinal) && pod.StartsWith(pattern[..^1], StringComparison.Ordinal));

    private static LabelSet Labels((string Key, string Value) own, JsonNode? more) => LabelSet.Of(
        [new(own.Key, own.Value), .. (more?.AsObject() ?? []).Select(l => new KeyValuePair<string, string>(l.Key, (string)l.Value!))]);

    private static IEnumerable<ContainerPort> Ports() => new[] { 80, 81 }.SelectMany(p => new[] { "tcp", "udp", "sctp" }
        .Select(n => new ContainerPort($"serve-{p}-{n}", KubernetesJson.Protocol(n.ToUpperInvariant()), (ushort)p)));
}
