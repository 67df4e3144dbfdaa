using System.Globalization;
using System.Text;
using ACCOffload.Differential.Tests.Comparison;

namespace ACCOffload.Differential.Tests.Coverage;

/// <summary>Which instructions of the programs were executed.</summary>
internal sealed class CoverageReport
{
    private readonly SortedDictionary<string, ulong> _variants = new(StringComparer.Ordinal);

    /// <summary>Executed instructions and all instructions of the programs.</summary>
    public (int Executed, int Total) Instructions { get; private set; }

    /// <summary>Adds one instruction of a program.</summary>
    public void Instruction(string variant, ulong count)
    {
        _variants[variant] = _variants.GetValueOrDefault(variant) + count;
        Instructions = (Instructions.Executed + (count > 0 ? 1 : 0), Instructions.Total + 1);
    }

    /// <summary>Executed variants.</summary>
    public IReadOnlyCollection<string> Executed => [.. _variants.Where(v => v.Value > 0).Select(v => v.Key)];

    /// <summary>Variants that occur in the programs but were not executed.</summary>
    public IReadOnlyCollection<string> Missed => [.. _variants.Where(v => v.Value == 0).Select(v => v.Key)];

    /// <summary>The report as text; <c>tests/run</c> prints its first line.</summary>
    public string Text(string name, Tally tally)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"differential {name}, seed {TestSettings.Seed}: {tally}; ");
        text.Append(
            CultureInfo.InvariantCulture, $"executed {Instructions.Executed} of {Instructions.Total} instructions, {Executed.Count} of "
                + $"{_variants.Count} variants, ");
        text.Append(CultureInfo.InvariantCulture, $"{tally.Actions.Count(a => a.Value > 0)} of {tally.Actions.Count} actions, ");
        text.Append(CultureInfo.InvariantCulture, $"tables of {tally.Lookups.Values.Select(l => l.Kind).Distinct().Count()} kinds\n");
        text.Append(
            CultureInfo.InvariantCulture, $"instructions: {Instructions.Executed} of {Instructions.Total} executed (both outcomes of a "
                + $"jump count), ");
        text.Append(CultureInfo.InvariantCulture, $"{Executed.Count} of {_variants.Count} variants: {string.Join(", ", Executed)}\n");
        if (Missed.Count > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"not executed: {string.Join(", ", Missed)}\n");
        }

        foreach (var (table, (kind, hits, misses)) in tally.Lookups)
        {
            text.Append(CultureInfo.InvariantCulture, $"table {table} ({kind}): {hits} hits, {misses} misses\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"actions: {tally.Actions.Count(a => a.Value > 0)} of {tally.Actions.Count} executed: ");
        text.AppendJoin(", ", tally.Actions.Where(a => a.Value > 0)
            .Select(a => $"{a.Key.Table}.{a.Key.Action} {a.Value}")).Append('\n');
        return text.ToString();
    }
}
