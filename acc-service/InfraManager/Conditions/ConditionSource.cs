using System.Collections.Concurrent;
using System.Globalization;
using ACCOffload.InfraManager.Programming;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>
/// The single source of the conditions that ctl, health, Offload.Status and doctor show. It evaluates the conditions of the programmer;
/// other parts of the service add theirs. Thread-safe.
/// </summary>
internal sealed class ConditionSource(IProgrammer core)
{
    private readonly ConcurrentQueue<Func<Condition>> _added = new();
    private readonly ConcurrentQueue<Func<string>> _notices = new();

    /// <summary>Adds a condition. The function is called for each evaluation and must neither block nor throw.</summary>
    public void Add(Func<Condition> evaluate) => _added.Enqueue(evaluate);

    /// <summary>Adds a notice for the operator; an empty one is not shown.</summary>
    public void AddNotice(Func<string> evaluate) => _notices.Enqueue(evaluate);

    /// <summary>Information for the operator even if all conditions are met.</summary>
    public IReadOnlyList<string> Notices => [.. _notices.Select(evaluate => evaluate()).Where(text => text.Length > 0)];

    /// <summary>Evaluates all conditions.</summary>
    public NodeConditions Evaluate()
    {
        var status = core.Status;
        return new NodeConditions(
            [Store(status), Target(status), Pipeline(status), Tables(status), .. _added.Select(evaluate => evaluate())]);
    }

    private static Condition Store(ProgrammerStatus status) =>
        status.StoreProblem.Length == 0
            ? Condition.Met(ConditionNames.Store)
            : Condition.Blocking(ConditionNames.Store, status.StoreProblem);

    private static Condition Target(ProgrammerStatus status) => status.TargetState switch
    {
        TargetState.Ready => Condition.Met(ConditionNames.Target),
        TargetState.Disconnected or TargetState.Backup =>
            Condition.Blocking(ConditionNames.Target, status.TargetReason.Length > 0 ? status.TargetReason : "not connected"),
        // A wrong pipeline is reported by its own condition.
        _ when status.PipelineProblem.Length > 0 => Condition.Met(ConditionNames.Target),
        _ => Condition.Blocking(ConditionNames.Target, status.TargetReason),
    };

    private static Condition Pipeline(ProgrammerStatus status) =>
        status.PipelineProblem.Length > 0 ? Condition.Blocking(ConditionNames.Pipeline, status.PipelineProblem)
        : status.TargetState is TargetState.Disconnected or TargetState.Backup
            ? Condition.Blocking(ConditionNames.Pipeline, "unknown while the target is unavailable")
        : Condition.Met(ConditionNames.Pipeline);

    private static Condition Tables(ProgrammerStatus status) =>
        status.PendingEntries > 0 ? Condition.Unmet(ConditionNames.Tables, DescribePending(status))
        : status.Reconciled ? Condition.Met(ConditionNames.Tables)
        : Condition.Unmet(ConditionNames.Tables, "not verified since the target was last connected");

    private static string DescribePending(ProgrammerStatus status)
    {
        var count = $"{status.PendingEntries.ToString(CultureInfo.InvariantCulture)} entries are not in the tables";
        return status.Differences is [var first, ..] ? $"{count}, for example {first.Row} ({first.Kind})" : $"{count} yet";
    }
}
