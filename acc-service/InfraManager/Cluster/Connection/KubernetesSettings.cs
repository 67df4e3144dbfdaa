namespace ACCOffload.InfraManager.Cluster.Connection;

/// <summary>How the API server is reached.</summary>
/// <param name="Kubeconfig">The ACC's own kubeconfig.</param>
/// <param name="Context">The context in it; empty for its current one.</param>
/// <param name="Servers">Addresses that go before the kubeconfig's; may be empty.</param>
internal sealed record KubernetesSettings(string Kubeconfig, string Context, IReadOnlyList<Uri> Servers);
