namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>One rule of a policy.</summary>
/// <param name="Name">What operators see when the rule decides, such as <c>NetworkPolicy default/web ingress[0]</c>.</param>
/// <param name="Action">What happens to a packet that matches.</param>
/// <param name="Match">Which packets match.</param>
internal sealed record PolicyRule(string Name, PolicyAction Action, RuleMatch Match);
