using System.Collections.Concurrent;
using System.Globalization;
using ACCOffload.InfraManager.Programming;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>
/// The one source of the conditions: ctl, health, Offload.Status and doctor all show what it says. Conditions of the core are its own;
/// other parts of the service add theirs. Thread-safe.
/// </summary>
internal sealed class ConditionSource(IProgrammer core)
{
    private readonly ConcurrentQueue<Func<Condition>> _added = new();
    private readonly ConcurrentQueue<Func<string>> _notices = new();

    /// <summary>Adds a condition, which is looked at each time that the conditions are taken. It must neither block nor throw.</summary>
    public void Add(Func<Condition> look) => _added.Enqueue(look);

    /// <summary>Adds a line for the operator that is no condition; an empty one is left out.</summary>
    public void AddNotice(Func<string> look) => _notices.Enqueue(look);

    /// <summary>What an operator should know although nothing is broken.</summary>
    public IReadOnlyList<string> Notices => [.. _notices.Select(look => look()).Where(text => text.Length > 0)];

    /// <summary>The conditions as of now.</summary>
    public NodeConditions Take()
    {
        var status = core.Status;
        return new NodeConditions([Store(status), Target(status), Pipeline(status), Tables(status), .. _added.Select(look => look())]);
    }

    private static Condition Store(ProgrammerStatus status) =>
        status.StoreProblem.Length == 0 ? Condition.Met(ConditionNames.Store) : Condition.Blocking(ConditionNames.Store, status.StoreProblem);

    private static Condition Target(ProgrammerStatus status) => status.TargetState switch
    {
        TargetState.Ready => Condition.Met(ConditionNames.Target),
        TargetState.Away or TargetState.Backup => Condition.Blocking(ConditionNames.Target, status.TargetReason.Length > 0 ? status.TargetReason : "not connected"),
        // With the wrong pipeline the target itself is well; that is the next condition.
        _ when status.PipelineProblem.Length > 0 => Condition.Met(ConditionNames.Target),
        _ => Condition.Blocking(ConditionNames.Target, status.TargetReason),
    };

    private static Condition Pipeline(ProgrammerStatus status) =>
        status.PipelineProblem.Length > 0 ? Condition.Blocking(ConditionNames.Pipeline, status.PipelineProblem)
        : status.TargetState is TargetState.Away or TargetState.Backup ? Condition.Blocking(ConditionNames.Pipeline, "not known while the target is away")
        : Condition.Met(ConditionNames.Pipeline);

    private static Condition Tables(ProgrammerStatus status) =>
        status.PendingEntries > 0 ? Condition.Unmet(ConditionNames.Tables, DescribePending(status))
        : status.Reconciled ? Condition.Met(ConditionNames.Tables)
        : Condition.Unmet(ConditionNames.Tables, "not compared with the model since the target was last reached");

    private static string DescribePending(ProgrammerStatus status)
    {
        var count = $"{status.PendingEntries.ToString(CultureInfo.InvariantCulture)} entries are not in the tables";
        return status.Differences is [var first, ..] ? $"{count}, for one {first.Row}, which is {first.Kind}" : $"{count} yet";
    }
}
