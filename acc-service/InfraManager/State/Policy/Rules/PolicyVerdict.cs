namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>The decision about a packet.</summary>
/// <param name="IsAllowed">Whether it may pass.</param>
/// <param name="Rule">The name of the rule or default that decided.</param>
/// <param name="IsLogged">Whether a log rule matched before.</param>
/// <param name="WouldDrop">The rule that would drop the packet if staged policies were enforced; otherwise empty.</param>
internal readonly record struct PolicyVerdict(bool IsAllowed, string Rule, bool IsLogged, string WouldDrop = "");
