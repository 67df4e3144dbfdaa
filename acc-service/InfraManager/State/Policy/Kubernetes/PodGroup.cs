using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>The pods with one identity, which are in the same sets.</summary>
internal sealed class PodGroup(PodIdentity identity, PeerMembership membership)
{
    public PodIdentity Identity { get; } = identity;

    public PeerMembership Membership { get; private set; } = membership;

    /// <summary>The number of its pods.</summary>
    public int Count { get; set; }

    /// <summary>Its pods do not have its membership yet.</summary>
    public bool IsChanged { get; private set; }

    /// <returns>Whether it is another membership.</returns>
    public bool Change(PeerMembership membership)
    {
        if (membership == Membership)
        {
            return false;
        }

        Membership = membership;
        IsChanged = true;
        return true;
    }

    public void Settle() => IsChanged = false;
}
