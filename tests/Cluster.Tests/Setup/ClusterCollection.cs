namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>The tests that share <see cref="RealCluster"/>: all of them.</summary>
[CollectionDefinition(Name)]
public sealed class ClusterCollection : ICollectionFixture<RealCluster>
{
    public const string Name = "cluster";
}
