namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>The addresses that are in exactly the same sets.</summary>
internal sealed class PeerGroup(PeerMembership membership)
{
    public PeerMembership Membership { get; } = membership;

    public HashSet<PolicyAddress> Addresses { get; } = [];
}
