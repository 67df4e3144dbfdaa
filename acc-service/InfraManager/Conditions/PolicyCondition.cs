using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Node;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>Whether network policy is known and on the target: pods whose policy is not, are closed.</summary>
internal static class PolicyCondition
{
    /// <param name="status">The programmer's view.</param>
    /// <param name="problem">Why the cluster's policies are not known; empty if they are.</param>
    /// <param name="profile">The pipeline.</param>
    public static Condition Of(PolicyStatus status, string problem, PipelineProfile profile) => status switch
    {
        { IsOn: false } when !profile.JudgesPolicy => Condition.Met(
            ConditionNames.Policy, $"not enforced: pipeline {profile.Name} cannot judge packets"),
        { IsOn: false } => Condition.Met(ConditionNames.Policy, "off (Policy:Source)"),
        { IsSynced: false, IsAwaited: false } => Condition.Met(ConditionNames.Policy, "there is no kubeconfig, so no policy is known"),
        { IsSynced: false } => Condition.Unmet(
            ConditionNames.Policy,
            $"the cluster's network policies are not known yet{(problem.Length > 0 ? $" ({problem})" : "")}; traffic of pods is dropped"),
        { IsFenced: true } => Condition.Unmet(ConditionNames.Policy, Fenced(status)),
        _ => Condition.Met(ConditionNames.Policy),
    };

    /// <summary>Why isolated pods are closed although their policy is known.</summary>
    public static string Fenced(PolicyStatus status) =>
        $"the target's rows of network policy differ from the policies; traffic of {status.Pending} isolated pods is dropped";
}
