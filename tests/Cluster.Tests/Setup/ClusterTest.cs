namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>A test on the shared cluster. It is skipped where there is no Kubernetes, and saves all logs when it fails.</summary>
[Collection(ClusterCollection.Name)]
public abstract class ClusterTest : IAsyncDisposable
{
    private readonly List<string> _namespaces = [];

    protected ClusterTest(RealCluster cluster, ITestOutputHelper output)
    {
        Needs.NotMissing(KubernetesFolder.Missing);
        Cluster = cluster;
        Output = output;
    }

    protected RealCluster Cluster { get; }

    protected ITestOutputHelper Output { get; }

    private protected Kubectl Kubectl => Cluster.Kubectl;

    public virtual async ValueTask DisposeAsync()
    {
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
        {
            var name = TestContext.Current.TestMethod!.MethodName;
            await Cluster.SaveLogsAsync(name);
            Output.WriteLine($"logs: {Cluster.LogFolder(name)}");
        }

        foreach (var name in _namespaces)
        {
            await Cluster.DeleteNamespaceAsync(name);
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Creates a namespace in the cluster, which is deleted at the end of the test.</summary>
    protected async Task<string> CreateNamespaceAsync()
    {
        _namespaces.Add(await Cluster.CreateNamespaceAsync());
        return _namespaces[^1];
    }
}
