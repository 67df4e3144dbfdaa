namespace ACCOffload.InfraManager.RuleCounters;

/// <summary>Packets to be logged.</summary>
/// <param name="Key">Identifies the rule that decided about them.</param>
/// <param name="Rule">Its name.</param>
/// <param name="Packets">Their number since the last reading.</param>
internal readonly record struct RuleGrowth(RuleKey Key, CountedRule Rule, long Packets);
