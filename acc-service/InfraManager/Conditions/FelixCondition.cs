using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.Programming;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>
/// Whether Felix's policy is known and current: Felix itself stays healthy when nobody enforces what it sends, so only this side can tell.
/// </summary>
internal static class FelixCondition
{
    private const int MaxShownProblems = 5;

    /// <param name="status">The programmer's view, with policy on.</param>
    /// <param name="felix">The connection.</param>
    /// <param name="isBehindAgent">Whether Felix's policy comes through the host's agent.</param>
    public static Condition Of(PolicyStatus status, FelixStatus felix, bool isBehindAgent)
    {
        var condition = Of(status, felix);
        var isOurs = status.IsSynced && (status.IsFenced || felix.State == FelixState.Behind);
        return condition with { AwaitsAgent = isBehindAgent && !condition.Ok && !isOurs };
    }

    /// <summary>What is not enforced as Felix sent it: a notice, because less passes then, not more.</summary>
    public static string NoticeOf(FelixStatus felix) => felix.Problems.Count switch
    {
        0 => "",
        var n and <= MaxShownProblems => $"{Count(n)}: {string.Join("; ", felix.Problems.Select(Text))}",
        var n => $"{Count(n)}: {string.Join("; ", felix.Problems.Take(MaxShownProblems).Select(Text))}; and {n - MaxShownProblems} more",
    };

    private static Condition Of(PolicyStatus status, FelixStatus felix) => status switch
    {
        { IsSynced: false } => Condition.Unmet(
            ConditionNames.Policy, $"{State(felix)}; traffic of pods is dropped until Felix has sent its policy"),
        { IsFenced: true } => Condition.Unmet(ConditionNames.Policy, PolicyCondition.Fenced(status)),
        { Pending: > 0 } => Condition.Unmet(
            ConditionNames.Policy,
            $"{(felix.State == FelixState.InSync ? "" : $"{State(felix)}; ")}Felix does not know {status.Pending} of this node's "
                + "pods by name and addresses; their traffic is dropped"),
        _ when felix.State == FelixState.InSync => Condition.Met(ConditionNames.Policy),
        _ => Condition.Unmet(ConditionNames.Policy, $"{State(felix)}; the last policy stays in force"),
    };

    private static string State(FelixStatus felix) => felix.State == FelixState.NoFelix ? felix.Absence : $"Felix is {felix}";

    private static string Count(int problems) => problems == 1
        ? "1 part of Felix's policy is not enforced as written"
        : $"{problems} parts of Felix's policy are not enforced as written";

    private static string Text(State.Policy.Felix.FelixProblem problem) =>
        $"{ConfigurationError.OneLine(problem.Subject)}: {ConfigurationError.OneLine(problem.Reason)}";
}
