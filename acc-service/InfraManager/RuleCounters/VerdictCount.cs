namespace ACCOffload.InfraManager.RuleCounters;

/// <summary>A row of <c>verdicts</c> with its counter, as read from the target.</summary>
/// <param name="Cell">Identifies the row, by the target's numbers.</param>
/// <param name="Rule">The number of the rule that decides.</param>
/// <param name="IsAllowed">Whether packets pass.</param>
/// <param name="IsLogged">Whether its packets are to be logged.</param>
/// <param name="Packets">What the row has counted since the target inserted it.</param>
internal readonly record struct VerdictCount(VerdictCell Cell, uint Rule, bool IsAllowed, bool IsLogged, long Packets);

/// <summary>The key of a row of <c>verdicts</c>, by the target's numbers.</summary>
/// <param name="Group">The group.</param>
/// <param name="PortClass">The port class.</param>
internal readonly record struct VerdictCell(uint Group, ushort PortClass);
