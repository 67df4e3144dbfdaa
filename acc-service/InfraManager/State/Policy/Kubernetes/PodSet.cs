using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>The pods that a peer of a rule selects: a set of the model.</summary>
/// <param name="Namespace">The only namespace; empty if <paramref name="Namespaces"/> selects them.</param>
/// <param name="Namespaces">Which namespaces.</param>
/// <param name="Pods">Which pods of these.</param>
internal sealed record PodSet(string Namespace, LabelSelector Namespaces, LabelSelector Pods)
{
    /// <summary>The same for sets with the same selectors, so that policies share them.</summary>
    public string Id { get; } = $"pods {Pods} of {(Namespace.Length > 0 ? Namespace : $"namespaces {Namespaces}")}";

    public bool Contains(NamespaceRecord ofPod, LabelSet labels) =>
        (Namespace.Length > 0 ? Namespace == ofPod.Name : Namespaces.Matches(ofPod.Labels)) && Pods.Matches(labels);
}

/// <summary>The pods' ports with a name: a named-port set of the model.</summary>
/// <param name="Protocol">The IP protocol number; null for all.</param>
/// <param name="Name">The port's name.</param>
internal sealed record PortNameSet(byte? Protocol, string Name)
{
    public string Id { get; } = $"port {Name} of protocol {Protocol?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "any"}";

    public IEnumerable<NamedPort> PortsOf(SequenceOf<ContainerPort> ports)
    {
        foreach (var port in ports)
        {
            if (port.Name == Name && (Protocol is null || Protocol == port.Protocol))
            {
                yield return new NamedPort(Id, port.Protocol, port.Port);
            }
        }
    }
}
