namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>The container runtimes that a node can have.</summary>
internal enum ContainerRuntime
{
    Containerd,
    Crio,
}
