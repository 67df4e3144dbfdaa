using ACCOffload.InfraManager.Cluster.Policy;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>
/// What of the cluster's network policy is not in effect as written. This is a notice and no condition: until it is, less passes, not more.
/// </summary>
internal static class PolicyNotice
{
    /// <param name="status">The policy watch; null if policy is not watched.</param>
    public static string Of(PolicyWatchStatus? status) => status switch
    {
        null => "",
        { Problem.Length: > 0 } => $"the latest network policy is not in effect: {status.Problem}",
        _ => status.Notice,
    };
}
