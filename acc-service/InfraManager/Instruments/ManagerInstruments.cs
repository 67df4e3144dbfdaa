using System.Diagnostics;
using System.Diagnostics.Metrics;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Instruments;

/// <summary>Instruments for events. Their cost is negligible while metrics are not served.</summary>
internal static class ManagerInstruments
{
    private static readonly Counter<long> Writes;
    private static readonly Histogram<double> WriteSeconds;
    private static readonly Histogram<double> AttachSeconds;
    private static readonly Histogram<double> PolicySeconds;
    private static readonly string[] Phases = [.. Enum.GetNames<AttachPhase>().Select(n => n.ToLowerInvariant())];

    static ManagerInstruments()
    {
        Meter = new Meter("ACCOffload.InfraManager");
        Writes = ManagerFamilies.Writes.Counter(Meter);
        WriteSeconds = ManagerFamilies.WriteSeconds.Histogram(Meter);
        AttachSeconds = ManagerFamilies.AttachSeconds.Histogram(Meter);
        PolicySeconds = ManagerFamilies.PolicySeconds.Histogram(Meter);
    }

    /// <summary>The meter of the process.</summary>
    public static Meter Meter { get; }

    /// <summary>Measures a Write that has just started. The outcome of a cancelled one is unknown.</summary>
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

    public static void PolicyTook(TimeSpan time) => PolicySeconds.Record(time.TotalSeconds);
}

/// <summary>The consecutive phases of an attachment.</summary>
internal enum AttachPhase
{
    /// <summary>Waiting for the programmer.</summary>
    Queue,

    /// <summary>Checked and committed with its batch.</summary>
    Commit,

    /// <summary>Writing port and table entries to the target.</summary>
    Program,
}

/// <summary>The names of Write outcomes in metrics.</summary>
internal static class WriteResults
{
    public static IReadOnlyList<string> Names { get; } = [.. Enum.GetValues<WriteOutcome>().Select(NameOf)];

    public static string NameOf(WriteOutcome outcome) => outcome switch
    {
        WriteOutcome.Applied => "applied",
        WriteOutcome.Failed => "failed",
        WriteOutcome.Rejected => "rejected",
        WriteOutcome.NotSent => "not_sent",
        _ => "unknown",
    };
}
