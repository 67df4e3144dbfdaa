using System.Diagnostics;
using System.Diagnostics.Metrics;
using ACCOffload.Metrics;

namespace ACCOffload.HostStub.Operations;

/// <summary>What is measured where it happens. It costs next to nothing while nobody listens.</summary>
internal static class AgentInstruments
{
    private static readonly Counter<long> CniRequests;
    private static readonly Histogram<double> CniSeconds;
    private static readonly Histogram<double> AddSeconds;
    private static readonly (OperationPhase Phase, string Name)[] Phases = [.. Enum.GetValues<OperationPhase>().Select(p => (p, p.ToString().ToLowerInvariant()))];

    static AgentInstruments()
    {
        Meter = new Meter("ACCOffload.HostStub");
        CniRequests = AgentFamilies.CniRequests.Counter(Meter);
        CniSeconds = AgentFamilies.CniSeconds.Histogram(Meter);
        AddSeconds = AgentFamilies.AddSeconds.Histogram(Meter);
    }

    /// <summary>The process's.</summary>
    public static Meter Meter { get; }

    /// <param name="command">As the plugin sent it.</param>
    /// <param name="isDone">Whether it was answered without an error.</param>
    /// <param name="started">Timestamp of its begin.</param>
    public static void Answered(string command, bool isDone, long started)
    {
        var name = new KeyValuePair<string, object?>("command", AgentFamilies.Commands.Contains(command) ? command : MetricFamily.Other);
        CniRequests.Add(1, name, new KeyValuePair<string, object?>("result", isDone ? "ok" : "error"));
        CniSeconds.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, name);
    }

    public static void Added(OperationTimes times)
    {
        if (!AddSeconds.Enabled)
        {
            return;
        }

        foreach (var (phase, name) in Phases)
        {
            AddSeconds.Record(times[phase] / 1000, new KeyValuePair<string, object?>("phase", name));
        }
    }
}
