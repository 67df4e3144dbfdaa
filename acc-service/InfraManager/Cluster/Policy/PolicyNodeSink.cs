using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Cluster.Policy;

/// <summary>Receives the Nodes. One that becomes unreadable keeps its last version.</summary>
/// <param name="state">Takes them over.</param>
/// <param name="onChange">Called after each change.</param>
internal sealed class PolicyNodeSink(PolicyState state, Action onChange) : IObjectSink<NodeObject>
{
    public int Count => state.Count(PolicyObjectKind.Node);

    /// <summary>What policy needs of a Node.</summary>
    public static PolicyResource Of(NodeObject node)
    {
        var record = new NodeRecord(
            node.Name.Name, node.Labels, [.. node.Addresses.Select(PolicyAddress.Of).Distinct().Order()]);
        return new PolicyResource(node.Name, node.Uid, node.ResourceVersion, record.ObjectKey) { Record = record };
    }

    public void Replace(IReadOnlyCollection<NodeObject> objects, IReadOnlyCollection<ObjectName> unreadable)
    {
        state.Replace(PolicyObjectKind.Node, [.. objects.Select(Of)], [.. unreadable.Select(n => n.Name)]);
        onChange();
    }

    public void Apply(NodeObject changed)
    {
        state.Apply(Of(changed));
        onChange();
    }

    public void Remove(ObjectName name)
    {
        state.Remove(new PolicyObjectKey(PolicyObjectKind.Node, name.Name));
        onChange();
    }
}
