using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Control.Policy;

/// <summary>What cuts a flow.</summary>
/// <param name="Pod">The pod whose policy denies it.</param>
/// <param name="Direction">In which direction.</param>
/// <param name="RuleBefore">The rule that allows it now.</param>
/// <param name="RuleAfter">The rule that denies it then.</param>
internal sealed record FlowCut(string Pod, PolicyDirection Direction, string RuleBefore, string RuleAfter);
