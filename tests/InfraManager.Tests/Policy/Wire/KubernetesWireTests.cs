namespace ACCOffload.InfraManager.Tests.Policy.Wire;

/// <summary>
/// The truth tables of Kubernetes' end-to-end tests of NetworkPolicy, and of the conformance tests of ClusterNetworkPolicy, with packets:
/// the API's objects are programmed on a soft target, and what the pods send arrives or does not.
/// </summary>
public sealed class KubernetesWireTests(KubernetesWireTests.Node fixture) : IClassFixture<KubernetesWireTests.Node>
{
    private static readonly IReadOnlyDictionary<string, TruthTable> Network = TruthTable.Load("netpol-e2e.json");
    private static readonly IReadOnlyDictionary<string, TruthTable> Cluster = TruthTable.Load("cluster-network-policy.json");

    public static TheoryData<string> NetworkNames => [.. Network.Keys];

    public static TheoryData<string> ClusterNames => [.. Cluster.Keys];

    [Theory]
    [MemberData(nameof(NetworkNames))]
    public Task Packets_arrive_as_Kubernetes_expects(string name) => RunAsync(Network[name]);

    [Theory]
    [MemberData(nameof(ClusterNames))]
    public Task Packets_arrive_as_conformance_expects(string name) => RunAsync(Cluster[name]);

    private async Task RunAsync(TruthTable test)
    {
        Needs.Tap();
        var node = await fixture.StartAsync();
        var (first, _) = test.Steps.First();
        await node.SetAsync(first);
        foreach (var pod in test.Pods)
        {
            if (!test.Hosts.TryGetValue(pod, out var host))
            {
                await node.AttachAsync(pod, test.Addresses[pod]);
            }
            else if (host == PolicyNode.Name)
            {
                await node.AttachHostAsync(pod, test.Addresses[pod]);
            }
        }

        foreach (var (objects, probes) in test.Steps)
        {
            await node.SetAsync(objects);
            node.Pods.Verify(probes);
        }

        await node.ClearAsync();
    }

    /// <summary>One node for all cases.</summary>
    public sealed class Node : IAsyncDisposable
    {
        private PolicyNode? _node;

        internal async Task<PolicyNode> StartAsync() => _node ??= await PolicyNode.StartAsync();

        public ValueTask DisposeAsync() => _node?.DisposeAsync() ?? ValueTask.CompletedTask;
    }
}
