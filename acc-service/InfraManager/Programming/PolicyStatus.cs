namespace ACCOffload.InfraManager.Programming;

/// <summary>The state of network policy on this node.</summary>
/// <param name="IsOn">Whether policy is enforced (Policy:Source).</param>
/// <param name="IsAwaited">Whether pods are closed until the policies have been listed once: there is a kubeconfig.</param>
/// <param name="IsSynced">Whether all policies have been listed once, now or before a restart.</param>
/// <param name="IsFenced">Whether isolated endpoints are closed because the target's rows differ from the policies.</param>
/// <param name="Policies">The policies of the cluster.</param>
/// <param name="Isolated">The endpoints that a policy selects.</param>
/// <param name="Pending">The endpoints that are closed because their policy is not known or not on the target.</param>
/// <param name="Unresolved">The endpoints whose policies refer to something that does not exist: they keep their former rules.</param>
internal sealed record PolicyStatus(bool IsOn, bool IsAwaited, bool IsSynced, bool IsFenced, int Policies, int Isolated, int Pending,
    int Unresolved = 0)
{
    public static PolicyStatus Off { get; } = new(false, false, false, false, 0, 0, 0);
}
