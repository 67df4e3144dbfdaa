namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>What a row of <c>verdicts</c> says. Rules are numbers of <see cref="RuleNames"/>.</summary>
/// <param name="IsAllowed">Whether packets pass.</param>
/// <param name="Rule">The rule or default that decided.</param>
/// <param name="IsLogged">Whether packets are logged.</param>
/// <param name="WouldDrop">The rule that would drop if staged policies were enforced; 0 for none.</param>
internal readonly record struct RowVerdict(bool IsAllowed, uint Rule, bool IsLogged, uint WouldDrop)
{
    /// <summary>Without what a miss cannot express. (It counts for no rule, either: see <see cref="SetTable"/>.)</summary>
    public RowVerdict ToPlain() => new(IsAllowed, Rule, false, 0);
}
