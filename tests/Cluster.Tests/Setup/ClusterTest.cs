using System.Runtime.CompilerServices;

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

    /// <summary>Lets a further machine be a node. If that fails, its logs are saved; at the end it has left the cluster.</summary>
    private protected async Task WithNodeAsync(
        ContainerRuntime runtime, Func<KubernetesNode, Task> use, [CallerMemberName] string test = "")
    {
        await using var node = await KubernetesNode.StartAsync(Cluster, RealCluster.FirstNodes + 1, runtime);
        try
        {
            await use(node);
        }
        catch
        {
            await node.SaveLogsAsync(Cluster.LogFolder(test));
            throw;
        }
        finally
        {
            await Kubectl.RunAsync($"delete node {node.Name}");
            await node.UnrouteAsync();
        }
    }

    /// <summary>Creates a namespace in the cluster, which is deleted at the end of the test.</summary>
    protected async Task<string> CreateNamespaceAsync()
    {
        _namespaces.Add(await Cluster.CreateNamespaceAsync());
        return _namespaces[^1];
    }
}
