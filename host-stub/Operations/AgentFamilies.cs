using ACCOffload.Metrics;

namespace ACCOffload.HostStub.Operations;

/// <summary>The metrics of the agent; docs/metrics.md tells what each means.</summary>
internal static class AgentFamilies
{
    /// <summary>What <see cref="CniRequests"/> and <see cref="CniSeconds"/> know by name.</summary>
    public static IReadOnlyList<string> Commands { get; } = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"];

    public static MetricFamily AccConnected { get; } = new("accoffload_acc_connected", MetricKind.Gauge, "1 while the agent is connected to the ACC and has stated all attachments, else 0.");

    public static MetricFamily Attachments { get; } = new("accoffload_attachments", MetricKind.Gauge, "Attachments of pods by their state.") { Labels = ["state"], MaxSeries = 8 };

    public static MetricFamily CniRequests { get; } = new("accoffload_cni_requests", MetricKind.Counter, "Answered requests of the CNI plugin.") { Labels = ["command", "result"], MaxSeries = 16 };

    public static MetricFamily CniSeconds { get; } =
        new("accoffload_cni_seconds", MetricKind.Histogram, "Time of a request of the CNI plugin in the agent.") { Unit = "seconds", Labels = ["command"], MaxSeries = 8, Buckets = CommonFamilies.Seconds };

    public static MetricFamily AddSeconds { get; } =
        new("accoffload_add_seconds", MetricKind.Histogram, "Time that a successful ADD spent on each of its parts; the parts overlap.") { Unit = "seconds", Labels = ["phase"], MaxSeries = 5, Buckets = CommonFamilies.Seconds };

    /// <summary>In the order in which they are told.</summary>
    public static IReadOnlyList<MetricFamily> All { get; } =
    [
        CommonFamilies.Build, CommonFamilies.Ready, CommonFamilies.Condition, AccConnected, Attachments, CniRequests, CniSeconds, AddSeconds, CommonFamilies.CertificateExpiry,
    ];
}
