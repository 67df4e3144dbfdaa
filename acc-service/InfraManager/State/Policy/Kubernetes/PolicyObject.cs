namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>The kinds of Kubernetes objects that policy follows from. The numbers are part of the database schema.</summary>
internal enum PolicyObjectKind
{
    Namespace = 0,
    Pod = 1,
    NetworkPolicy = 2,
    ClusterNetworkPolicy = 3,
    Node = 4,
}

/// <summary>Identifies an object.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Name">Its name; for a namespaced kind namespace, slash, name.</param>
internal readonly record struct PolicyObjectKey(PolicyObjectKind Kind, string Name)
{
    public override string ToString() => $"{Kind} {Name}";
}

/// <summary>What policy needs of an object.</summary>
internal abstract record PolicyObject
{
    public abstract PolicyObjectKey ObjectKey { get; }
}
