namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>What policy needs of a Namespace.</summary>
internal sealed record NamespaceRecord(string Name, LabelSet Labels) : PolicyObject
{
    public override PolicyObjectKey ObjectKey => new(PolicyObjectKind.Namespace, Name);
}
