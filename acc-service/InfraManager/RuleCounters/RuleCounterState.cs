namespace ACCOffload.InfraManager.RuleCounters;

/// <summary>How far packets are counted by rule.</summary>
/// <param name="Problem">Why they are not, or not lately; empty if they are.</param>
/// <param name="Since">When counting began; null before the first reading.</param>
internal sealed record RuleCounterState(string Problem, DateTimeOffset? Since);
