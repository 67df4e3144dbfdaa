namespace ACCOffload.InfraManager.Cluster.Events;

/// <summary>Names an object of the API that an Event is about. The namespace is empty for what has none, such as a Node.</summary>
internal sealed record ObjectReference(string ApiVersion, string Kind, string Namespace, string Name, string Uid)
{
    /// <summary>Where an Event about it is kept: in its namespace, and in <c>default</c> if it has none.</summary>
    public string EventNamespace => Namespace.Length == 0 ? "default" : Namespace;
}
