using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>What decides which sets a pod is in. Most pods share theirs, so that sets are matched once for all of them.</summary>
internal sealed record PodIdentity(string Namespace, LabelSet Labels, SequenceOf<ContainerPort> Ports)
{
    public static PodIdentity Of(PodRecord pod) => new(pod.Namespace, pod.Labels, pod.Ports);
}
