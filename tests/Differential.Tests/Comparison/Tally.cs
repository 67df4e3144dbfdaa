namespace ACCOffload.Differential.Tests.Comparison;

/// <summary>Counts what a run compared.</summary>
internal sealed class Tally
{
    public int States { get; set; }

    public int Packets { get; set; }

    public int Transmitted { get; set; }

    public int Dropped { get; set; }

    /// <summary>Packets that end inside an extracted header: undefined in DPDK, dropped by the engine.</summary>
    public int Truncated { get; set; }

    public int Clones { get; set; }

    /// <summary>The registers at the last comparison.</summary>
    public Dictionary<string, ulong[]> Registers { get; } = [];

    /// <summary>Lookups by table.</summary>
    public Dictionary<string, (string Kind, long Hits, long Misses)> Lookups { get; } = [];

    /// <summary>DPDK's counts of the actions that tables ran.</summary>
    public Dictionary<(string Table, string Action), long> Actions { get; } = [];

    /// <summary>Adds the counts of another run; registers are not merged.</summary>
    public void Add(Tally other)
    {
        States += other.States;
        Packets += other.Packets;
        Transmitted += other.Transmitted;
        Dropped += other.Dropped;
        Truncated += other.Truncated;
        Clones += other.Clones;
        foreach (var (name, (kind, hits, misses)) in other.Lookups)
        {
            var own = Lookups.GetValueOrDefault(name);
            Lookups[name] = (kind, own.Hits + hits, own.Misses + misses);
        }
        foreach (var (key, count) in other.Actions)
        {
            Actions[key] = Actions.GetValueOrDefault(key) + count;
        }
    }

    /// <inheritdoc/>
    public override string ToString()
        => $"{Packets} packets over {States} table states: {Transmitted} came out ({100.0 * Transmitted / Math.Max(1, Packets):F0} %), "
            + $"{Dropped} dropped, {Truncated} end inside a header (only the engine defines them), {Clones} copies";
}
