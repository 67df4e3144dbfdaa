namespace ACCOffload.InfraManager.RuleCounters;

/// <summary>
/// The rules that a metric names: as many as it may have series. The others share one series. Both only ever increase: what a rule counts
/// while it has no name is in the shared series for good.
/// </summary>
/// <param name="max">The maximum number of names.</param>
internal sealed class RuleSeries(int max)
{
    private readonly Dictionary<RuleKey, RuleTotal> _totals = [];
    private int _named;

    /// <summary>All rules, also those without a packet.</summary>
    public IReadOnlyCollection<RuleTotal> Totals => _totals.Values;

    /// <summary>The packets of rules while they had no name.</summary>
    public long Others { get; private set; }

    public RuleTotal Of(RuleKey key, CountedRule rule)
    {
        if (!_totals.TryGetValue(key, out var total))
        {
            _totals.Add(key, total = new RuleTotal(key, rule));
        }

        // Its policy may have become known since.
        total.Rule = rule;
        return total;
    }

    /// <summary>Ends a reading: chooses the names, and books what was counted.</summary>
    public void Settle()
    {
        Choose();
        foreach (var total in _totals.Values)
        {
            Others += total.Settle();
        }
    }

    /// <summary>Forgets rules without a row since a time, and of these the oldest beyond a number.</summary>
    /// <param name="isStale">Whether a rule has had no row for too long.</param>
    /// <param name="reading">The current reading: rules with rows were seen in it.</param>
    /// <param name="maxGone">The maximum number of rules without a row.</param>
    public void Forget(Func<RuleTotal, bool> isStale, long reading, int maxGone)
    {
        var gone = _totals.Values.Where(t => t.Reading != reading).OrderByDescending(t => t.Reading).ToList();
        for (var i = 0; i < gone.Count; i++)
        {
            if (i >= maxGone || isStale(gone[i]))
            {
                _totals.Remove(gone[i].Key);
                _named -= gone[i].IsNamed ? 1 : 0;
            }
        }
    }

    /// <summary>A rule takes the name of another one when it has twice its packets, so that names do not change back and forth.</summary>
    private void Choose()
    {
        if (_named == _totals.Count)
        {
            return;
        }

        var waiting = _totals.Values.Where(t => !t.IsNamed).OrderByDescending(t => t.Packets).ThenBy(t => t.Key.Number).ToList();
        var next = 0;
        for (; next < waiting.Count && _named < max; next++)
        {
            waiting[next].IsNamed = true;
            _named++;
        }

        if (next == waiting.Count)
        {
            return;
        }

        foreach (var quiet in _totals.Values.Where(t => t.IsNamed).OrderBy(t => t.Packets).ToList())
        {
            if (next == waiting.Count || waiting[next].Packets <= 2 * quiet.Packets)
            {
                return;
            }

            quiet.IsNamed = false;
            waiting[next++].IsNamed = true;
        }
    }
}
