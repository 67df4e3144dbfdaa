using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>A container port with a name.</summary>
internal readonly record struct ContainerPort(string Name, byte Protocol, ushort Port);

/// <summary>What policy needs of a Pod.</summary>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Name">Its name.</param>
/// <param name="Labels">Its labels.</param>
/// <param name="Addresses"><c>status.podIPs</c>: at most one of each family.</param>
/// <param name="Ports">The ports of all containers that have a name.</param>
internal sealed record PodRecord(string Namespace, string Name, LabelSet Labels, SequenceOf<PolicyAddress> Addresses,
    SequenceOf<ContainerPort> Ports) : PolicyObject
{
    /// <summary>
    /// The UID that the container runtime knows: <c>metadata.uid</c>, or for the mirror of a static pod the annotation
    /// <c>kubernetes.io/config.hash</c>.
    /// </summary>
    public string Uid { get; init; } = "";

    /// <summary><c>spec.nodeName</c>; empty before the pod is scheduled.</summary>
    public string Node { get; init; } = "";

    /// <summary>Selectors select no pod on the host network.</summary>
    public bool IsHostNetwork { get; init; }

    /// <summary>Its phase is Succeeded or Failed: its addresses may belong to another pod.</summary>
    public bool IsFinished { get; init; }

    /// <summary>It is an endpoint of this node, so that its own traffic is judged.</summary>
    public bool IsLocal { get; init; }

    /// <summary>Namespace and name; the endpoint's ID.</summary>
    public string Key => $"{Namespace}/{Name}";

    public override PolicyObjectKey ObjectKey => new(PolicyObjectKind.Pod, Key);
}
