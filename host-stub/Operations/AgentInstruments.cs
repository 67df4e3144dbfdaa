using System.Diagnostics;
using System.Diagnostics.Metrics;
using ACCOffload.Metrics;

namespace ACCOffload.HostStub.Operations;

/// <summary>Records measurements where they occur. The cost is negligible while metrics are not served.</summary>
internal static class AgentInstruments
{
    private static readonly Counter<long> CniRequests;
    private static readonly Histogram<double> CniSeconds;
    private static readonly Histogram<double> AddSeconds;
    private static readonly (OperationPhase Phase, string Name)[] Phases = [.. Enum.GetValues<OperationPhase>().Select(
        p => (p, p.ToString().ToLowerInvariant()))];

    static AgentInstruments()
    {
        Meter = new Meter("ACCOffload.HostStub");
        CniRequests = AgentFamilies.CniRequests.Counter(Meter);
        CniSeconds = AgentFamilies.CniSeconds.Histogram(Meter);
        AddSeconds = AgentFamilies.AddSeconds.Histogram(Meter);
    }

    /// <summary>The process's meter.</summary>
    public static Meter Meter { get; }

    /// <param name="command">As the plugin sent it.</param>
    /// <param name="succeeded">Whether it succeeded.</param>
    /// <param name="started">Timestamp of its start.</param>
    public static void RecordRequest(string command, bool succeeded, long started)
    {
        var name = new KeyValuePair<string, object?>("command", AgentFamilies.Commands.Contains(command) ? command : MetricFamily.Other);
        CniRequests.Add(1, name, new KeyValuePair<string, object?>("result", succeeded ? "ok" : "error"));
        CniSeconds.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, name);
    }

    public static void RecordAdd(OperationTimes times)
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

/// <summary>The agent's metrics. docs/metrics.md describes each.</summary>
internal static class AgentFamilies
{
    /// <summary>The commands that <see cref="CniRequests"/> and <see cref="CniSeconds"/> show by name.</summary>
    public static IReadOnlyList<string> Commands { get; } = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"];

    public static MetricFamily AccConnected { get; } = new(
        "accoffload_acc_connected", MetricKind.Gauge, "1 while the agent is connected to the ACC and has stated all attachments, else 0.");

    public static MetricFamily Attachments { get; } = new("accoffload_attachments", MetricKind.Gauge, "Attachments of pods by their state.")
    {
        Labels = ["state"],
        MaxSeries = 8,
    };

    public static MetricFamily CniRequests { get; } = new(
        "accoffload_cni_requests", MetricKind.Counter, "Answered requests of the CNI plugin.")
    {
        Labels = ["command", "result"],
        MaxSeries = 16,
    };

    public static MetricFamily CniSeconds { get; } =
        new("accoffload_cni_seconds", MetricKind.Histogram, "Time of a request of the CNI plugin in the agent.")
        {
            Unit = "seconds",
            Labels = ["command"],
            MaxSeries = 8,
            Buckets = CommonFamilies.Seconds,
        };

    public static MetricFamily AddSeconds { get; } =
        new("accoffload_add_seconds", MetricKind.Histogram, "Time that a successful ADD spent on each of its parts; the parts overlap.")
        {
            Unit = "seconds",
            Labels = ["phase"],
            MaxSeries = 5,
            Buckets = CommonFamilies.Seconds,
        };

    /// <summary>In the order of the output.</summary>
    public static IReadOnlyList<MetricFamily> All { get; } =
    [
        CommonFamilies.Build, CommonFamilies.Ready, CommonFamilies.Condition, AccConnected, Attachments, CniRequests, CniSeconds,
        AddSeconds, CommonFamilies.CertificateExpiry,
    ];
}
