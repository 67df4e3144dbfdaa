using ACCOffload.InfraManager.Cluster.Objects;

namespace ACCOffload.InfraManager.Cluster.Watch;

/// <summary>Takes what a <see cref="Reflector{T}"/> sees of one kind. Called by one thread at a time.</summary>
internal interface IObjectSink<in T>
    where T : KubeObject
{
    int Count { get; }

    /// <summary>These are all there are; what else is held is gone, except for <paramref name="unreadable"/>: of those the former version stays.</summary>
    void Replace(IReadOnlyCollection<T> objects, IReadOnlyCollection<ObjectName> unreadable);

    void Apply(T changed);

    void Remove(ObjectName name);
}
