namespace ACCOffload.InfraManager.State.Policy.Felix.Messages;

/// <summary>The identity of a workload endpoint.</summary>
/// <param name="Orchestrator">"k8s" for pods.</param>
/// <param name="Workload">For pods: namespace/name.</param>
/// <param name="Endpoint">"eth0" for a pod's first interface.</param>
internal sealed record FelixEndpointId(string Orchestrator, string Workload, string Endpoint)
{
    private const string Kubernetes = "k8s";
    private const string FirstInterface = "eth0";

    /// <summary>The ID in the policy model: namespace/name for a pod's first interface, as with Kubernetes' policies.</summary>
    public string ModelId => Orchestrator == Kubernetes && Endpoint == FirstInterface ? Workload : $"{Orchestrator}|{Workload}|{Endpoint}";

    /// <summary>The first interface of a pod.</summary>
    /// <param name="pod">namespace/name.</param>
    public static FelixEndpointId OfPod(string pod) => new(Kubernetes, pod, FirstInterface);

    public override string ToString() => $"endpoint {ModelId}";
}
