using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Instruments;

/// <summary>The names of a Write's outcomes among the metrics.</summary>
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
