namespace ACCOffload.InfraManager.RuleCounters;

/// <summary>What one rule has decided about, since inframanager started. Belongs to <see cref="RuleTally"/>.</summary>
/// <param name="key">Identifies it.</param>
/// <param name="rule">Its name.</param>
internal sealed class RuleTotal(RuleKey key, CountedRule rule)
{
    public RuleKey Key { get; } = key;

    public CountedRule Rule { get; set; } = rule;

    public long Packets { get; private set; }

    /// <summary>Of <see cref="Packets"/>, those counted while a metric named the rule. Never decreases.</summary>
    public long NamedPackets { get; private set; }

    /// <summary>Whether a metric names it.</summary>
    public bool IsNamed { get; set; }

    /// <summary>Packets of the current reading.</summary>
    public long Growth { get; private set; }

    /// <summary>Of <see cref="Growth"/>, those of rows that log.</summary>
    public long LoggedGrowth { get; private set; }

    /// <summary>The last reading with a row of it.</summary>
    public long Reading { get; private set; }

    /// <summary>The time of that reading, as a timestamp of the clock.</summary>
    public long Seen { get; private set; }

    /// <summary>A reading has a row of it.</summary>
    public void See(long reading, long time) => (Reading, Seen) = (reading, time);

    public void Grow(long packets, bool isLogged)
    {
        Growth += packets;
        LoggedGrowth += isLogged ? packets : 0;
        Packets += packets;
    }

    /// <summary>Ends a reading.</summary>
    /// <returns>The packets that belong to the rules without a name.</returns>
    public long Settle()
    {
        var growth = Growth;
        Growth = LoggedGrowth = 0;
        if (!IsNamed)
        {
            return growth;
        }

        NamedPackets += growth;
        return 0;
    }
}

/// <summary>A rule and what happens to its packets.</summary>
/// <param name="Number">The rule's number.</param>
/// <param name="IsAllowed">Whether they pass; false for a staged rule, which would drop them.</param>
internal readonly record struct RuleKey(uint Number, bool IsAllowed);
