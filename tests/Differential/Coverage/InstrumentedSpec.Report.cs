namespace ACCOffload.Differential.Coverage;

/// <content>Evaluates the counters.</content>
internal sealed partial class InstrumentedSpec
{
    /// <summary>Adds the counters' values to a report.</summary>
    public void Report(ReadOnlySpan<ulong> counters, CoverageReport report)
    {
        foreach (var probe in _probes)
        {
            var executed = counters[probe.Before];
            if (probe.After < 0)
            {
                report.Instruction(probe.Variant, executed);
                continue;
            }
            report.Instruction($"{probe.Variant} not taken", counters[probe.After]);
            report.Instruction($"{probe.Variant} taken", executed - counters[probe.After]);
        }
    }
}
