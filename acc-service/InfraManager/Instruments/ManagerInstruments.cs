using System.Diagnostics;
using System.Diagnostics.Metrics;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Instruments;

/// <summary>What is measured where it happens. It costs next to nothing while nobody listens.</summary>
internal static class ManagerInstruments
{
    private static readonly Counter<long> Writes;
    private static readonly Histogram<double> WriteSeconds;
    private static readonly Histogram<double> AttachSeconds;
    private static readonly string[] Phases = [.. Enum.GetNames<AttachPhase>().Select(n => n.ToLowerInvariant())];

    static ManagerInstruments()
    {
        Meter = new Meter("ACCOffload.InfraManager");
        Writes = ManagerFamilies.Writes.Counter(Meter);
        WriteSeconds = ManagerFamilies.WriteSeconds.Histogram(Meter);
        AttachSeconds = ManagerFamilies.AttachSeconds.Histogram(Meter);
    }

    /// <summary>The process's.</summary>
    public static Meter Meter { get; }

    /// <summary>Measures a Write that was just begun; one that is cancelled has an unknown outcome.</summary>
    public static async Task<WriteResult> MeasureAsync(Task<WriteResult> write)
    {
        var start = Stopwatch.GetTimestamp();
        var outcome = WriteOutcome.Unknown;
        try
        {
            var result = await write;
            outcome = result.Outcome;
            return result;
        }
        finally
        {
            Writes.Add(1, new KeyValuePair<string, object?>("result", WriteResults.NameOf(outcome)));
            if (outcome != WriteOutcome.NotSent)
            {
                WriteSeconds.Record(Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
        }
    }

    public static void AttachTook(AttachPhase phase, TimeSpan time) =>
        AttachSeconds.Record(time.TotalSeconds, new KeyValuePair<string, object?>("phase", Phases[(int)phase]));
}
