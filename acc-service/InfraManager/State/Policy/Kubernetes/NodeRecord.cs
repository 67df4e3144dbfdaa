using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>What policy needs of a Node.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Labels">Its labels.</param>
/// <param name="Addresses">The IP addresses in <c>status.addresses</c>, whatever their type: sorted, each once.</param>
internal sealed record NodeRecord(string Name, LabelSet Labels, SequenceOf<PolicyAddress> Addresses) : PolicyObject
{
    /// <summary>Addresses of one node.</summary>
    public const int MaxAddresses = 64;

    public override PolicyObjectKey ObjectKey => new(PolicyObjectKind.Node, Name);
}
