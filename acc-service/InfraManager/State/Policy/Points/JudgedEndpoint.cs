using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Points;

/// <summary>A pod of this node, and what should apply to it.</summary>
/// <param name="Pod">Namespace, slash, name.</param>
/// <param name="Addresses">Its addresses.</param>
/// <param name="Port">The number of its port on the target; null while the target has none.</param>
/// <param name="Policy">Its policies; null if no policy selects it.</param>
/// <param name="IngressClosed">Everything that it would accept is dropped, whatever its policies say.</param>
/// <param name="EgressClosed">Everything that it would send is dropped.</param>
/// <param name="KeepsFormer">Its policies refer to something that does not exist, so it may have the rows of former ones.</param>
internal sealed record JudgedEndpoint(string Pod, SequenceOf<PolicyAddress> Addresses, uint? Port, EndpointPolicy? Policy,
    bool IngressClosed, bool EgressClosed, bool KeepsFormer)
{
    public bool IsClosed(PolicyDirection direction) => direction == PolicyDirection.Ingress ? IngressClosed : EgressClosed;
}
