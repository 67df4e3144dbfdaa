using System.Runtime.InteropServices;
using ACCOffload.InfraManager.Instruments;

namespace ACCOffload.InfraManager.RuleCounters;

/// <summary>
/// Adds up what the rows of <c>verdicts</c> count, by rule. Rows come and go with every change of policy and their counters with them, so
/// that only what a row has counted since the last reading is added. Not thread-safe.
/// </summary>
internal sealed class RuleTally(TimeProvider time)
{
    /// <summary>How long a rule without a row is remembered: a policy that is applied again within this time goes on counting.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromHours(1);

    /// <summary>The maximum number of rules without a row.</summary>
    public const int MaxGone = 4096;

    private readonly Dictionary<VerdictCell, RowState> _rows = [];
    private readonly Dictionary<uint, CountedRule> _names = [];
    private long _loads;
    private long _reading;

    /// <summary>Whether the table was read once: what rows count is known from then on.</summary>
    public bool HasRead => _reading > 0;

    /// <summary>The number of rows that the last reading found.</summary>
    public int Rows => _rows.Count;

    /// <summary>What rules have decided.</summary>
    public RuleSeries Rules { get; } = new(ManagerFamilies.MaxNamedRules);

    /// <summary>What rules of staged policies would drop.</summary>
    public RuleSeries Staged { get; } = new(ManagerFamilies.MaxNamedStagedRules);

    /// <summary>The numbers of rules whose names are needed: those that are not known, or belonged to no policy.</summary>
    public List<uint> UnknownRules(IReadOnlyList<VerdictCount> rows)
    {
        var unknown = new HashSet<uint>();
        foreach (var row in rows)
        {
            if (!_names.TryGetValue(row.Rule, out var rule) || rule.Policy.Length == 0)
            {
                unknown.Add(row.Rule);
            }
        }

        return [.. unknown];
    }

    /// <summary>Adds a reading.</summary>
    /// <param name="rows">The whole table.</param>
    /// <param name="directory">The names of <see cref="UnknownRules"/>, and the staged rules; taken after the table was read.</param>
    /// <param name="loads">How often this process has loaded the pipeline: the tables were empty then.</param>
    /// <returns>What is to be logged.</returns>
    public List<RuleGrowth> Take(IReadOnlyList<VerdictCount> rows, RuleDirectory directory, long loads)
    {
        // Rows from before this process may have counted anything.
        var isBaseline = !HasRead && loads == 0;
        if (loads != _loads)
        {
            _rows.Clear();
            _loads = loads;
        }

        _reading++;
        var now = time.GetTimestamp();
        foreach (var (number, rule) in directory.Rules)
        {
            _names[number] = rule;
        }

        foreach (var row in rows)
        {
            Take(row, directory, isBaseline, now);
        }

        if (_rows.Count > rows.Count)
        {
            foreach (var (cell, state) in _rows)
            {
                if (state.Reading != _reading)
                {
                    _rows.Remove(cell);
                }
            }
        }

        var logged = new List<RuleGrowth>();
        foreach (var total in Rules.Totals)
        {
            if (total.LoggedGrowth > 0)
            {
                logged.Add(new RuleGrowth(total.Key, total.Rule, total.LoggedGrowth));
            }
        }

        Settle(Rules);
        Settle(Staged);
        ForgetNames();
        return logged;
    }

    /// <summary>What the rows of these groups have counted, by the name of the rule.</summary>
    /// <param name="groups">The target's numbers of groups.</param>
    public (Dictionary<string, long> Decided, Dictionary<string, long> WouldDrop) CountsOf(IReadOnlySet<uint> groups)
    {
        var decided = new Dictionary<string, long>(StringComparer.Ordinal);
        var wouldDrop = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (cell, row) in _rows)
        {
            if (!groups.Contains(cell.Group))
            {
                continue;
            }

            Add(decided, row.Rule, row.Counted);
            if (row.WouldDrop != 0)
            {
                Add(wouldDrop, row.WouldDrop, row.Counted);
            }
        }

        return (decided, wouldDrop);
    }

    private void Add(Dictionary<string, long> counts, uint rule, long packets)
    {
        var name = _names[rule].Name;
        counts[name] = counts.GetValueOrDefault(name) + packets;
    }

    private void Take(VerdictCount row, RuleDirectory directory, bool isBaseline, long now)
    {
        ref var state = ref CollectionsMarshal.GetValueRefOrAddDefault(_rows, row.Cell, out var isKnown);
        // Fewer packets than before: the row was removed and inserted again.
        var growth = isKnown && row.Packets >= state.Packets ? row.Packets - state.Packets : isBaseline ? 0 : row.Packets;
        var isSame = isKnown && state.Rule == row.Rule && state.IsAllowed == row.IsAllowed;
        var wouldDrop = directory.WouldDrop.GetValueOrDefault(row.Cell);
        // The row may be gone from the policy by now.
        var wouldHaveDropped = isSame ? state.WouldDrop : wouldDrop;
        state = new RowState
        {
            Rule = row.Rule,
            WouldDrop = wouldDrop,
            IsAllowed = row.IsAllowed,
            Packets = row.Packets,
            Counted = (isSame ? state.Counted : 0) + growth,
            Reading = _reading,
        };

        var total = Rules.Of(new RuleKey(row.Rule, row.IsAllowed), _names[row.Rule]);
        total.See(_reading, now);
        total.Grow(growth, row.IsLogged);
        if (wouldDrop != 0)
        {
            Staged.Of(new RuleKey(wouldDrop, false), _names[wouldDrop]).See(_reading, now);
        }

        if (wouldHaveDropped != 0)
        {
            Staged.Of(new RuleKey(wouldHaveDropped, false), _names[wouldHaveDropped]).Grow(growth, false);
        }
    }

    private void Settle(RuleSeries series)
    {
        series.Settle();
        series.Forget(t => time.GetElapsedTime(t.Seen) >= Memory, _reading, MaxGone);
    }

    private void ForgetNames()
    {
        if (_names.Count <= 2 * (_rows.Count + MaxGone))
        {
            return;
        }

        var used = new HashSet<uint>();
        foreach (var row in _rows.Values)
        {
            used.Add(row.Rule);
            used.Add(row.WouldDrop);
        }

        used.UnionWith(Rules.Totals.Select(t => t.Key.Number));
        used.UnionWith(Staged.Totals.Select(t => t.Key.Number));
        foreach (var number in _names.Keys)
        {
            if (!used.Contains(number))
            {
                _names.Remove(number);
            }
        }
    }
}
