using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.Cluster.Policy;

/// <summary>Receives the objects of one kind.</summary>
/// <param name="state">Takes them over.</param>
/// <param name="kind">The kind.</param>
/// <param name="onChange">Called after each change, with the objects that have a problem that is new.</param>
internal sealed class PolicySink(PolicyState state, PolicyObjectKind kind, Action<IReadOnlyList<PolicyResource>> onChange)
    : IObjectSink<PolicyResource>
{
    public int Count => state.Count(kind);

    // Every object has a version, because those that cannot be read have one by their name.
    public void Replace(IReadOnlyCollection<PolicyResource> objects, IReadOnlyCollection<ObjectName> unreadable) =>
        onChange(state.Replace(kind, objects));

    public void Apply(PolicyResource changed) => onChange(state.Apply(changed));

    public void Remove(ObjectName name)
    {
        state.Remove(new PolicyObjectKey(kind, name.ToString()));
        onChange([]);
    }
}
