using ACCOffload.Metrics;

namespace ACCOffload.InfraManager.Instruments;

/// <summary>The metrics of inframanager; docs/metrics.md describes each.</summary>
internal static class ManagerFamilies
{
    /// <summary>The maximum number of rules that <see cref="RulePackets"/> names.</summary>
    public const int MaxNamedRules = 127;

    /// <summary>The maximum number of rules that <see cref="StagedPackets"/> names.</summary>
    public const int MaxNamedStagedRules = 63;

    public static MetricFamily TargetConnected { get; } = new(
        "accoffload_target_connected", MetricKind.Gauge, "1 while this service is the target's primary controller, else 0.");

    public static MetricFamily Drops { get; } = new(
        "accoffload_drops", MetricKind.Counter,
        "Packets that the pipeline dropped, since the target loaded it.")
    {
        Labels = ["reason"],
        MaxSeries = 32,
    };

    public static MetricFamily Services { get; } = new(
        "accoffload_services", MetricKind.Gauge, "Services by state.")
    {
        Labels = ["state"],
        MaxSeries = 8,
    };

    public static MetricFamily TableEntries { get; } = new(
        "accoffload_table_entries", MetricKind.Gauge,
        "Entries that the table should hold, without learned ones.")
    {
        Labels = ["table"],
    };

    public static MetricFamily TableCapacity { get; } = new(
        "accoffload_table_capacity", MetricKind.Gauge, "Capacity of the table, in entries.")
    {
        Labels = ["table"],
    };

    public static MetricFamily Differences { get; } = new(
        "accoffload_reconcile_differences", MetricKind.Gauge,
        "Entries that differ from the desired state, as far as is known.")
    {
        Labels = ["table"],
    };

    public static MetricFamily Difference { get; } = new(
        "accoffload_reconcile_difference", MetricKind.Info,
        "A written row that differs from the desired state: refused, or acknowledged and not applied.")
    {
        Labels = ["table", "row", "kind"],
        MaxSeries = TableTally.MaxNamedRows + 1,
    };

    public static MetricFamily Writes { get; } = new(
        "accoffload_writes", MetricKind.Counter,
        "P4Runtime Writes by result.")
    {
        Labels = ["result"],
        MaxSeries = 8,
        Known = WriteResults.Names,
    };

    public static MetricFamily WriteSeconds { get; } = new(
        "accoffload_write_seconds", MetricKind.Histogram,
        "Time from sending a P4Runtime Write to its answer.")
    {
        Unit = "seconds",
        Buckets = CommonFamilies.Seconds,
    };

    public static MetricFamily QueueDepth { get; } = new(
        "accoffload_queue_depth", MetricKind.Gauge, "Requests waiting for the programmer.");

    public static MetricFamily AttachSeconds { get; } = new(
        "accoffload_attach_seconds", MetricKind.Histogram, "Time of an attachment in each phase; the phases follow each other.")
    {
        Unit = "seconds",
        Labels = ["phase"],
        MaxSeries = 4,
        Buckets = CommonFamilies.Seconds,
    };

    public static MetricFamily PolicyPods { get; } = new(
        "accoffload_policy_pods", MetricKind.Gauge, "Attachments that network policy selects, by state.")
    {
        Labels = ["state"],
        MaxSeries = 4,
    };

    public static MetricFamily PolicySeconds { get; } = new(
        "accoffload_policy_seconds", MetricKind.Histogram, "Time from the report of changed policy objects to the last row on the target.")
    {
        Unit = "seconds",
        Buckets = CommonFamilies.Seconds,
    };

    public static MetricFamily PolicyProblems { get; } = new(
        "accoffload_policy_problems", MetricKind.Gauge, "What of network policy is not enforced as written, by kind.")
    {
        Labels = ["kind"],
        MaxSeries = 4,
    };

    public static MetricFamily RulePackets { get; } = new(
        "accoffload_policy_rule_packets", MetricKind.Counter, "Packets by the rule of network policy that decided about them.")
    {
        Labels = ["policy", "rule", "direction", "verdict"],
        MaxSeries = MaxNamedRules + 1,
    };

    public static MetricFamily StagedPackets { get; } = new(
        "accoffload_policy_staged_packets", MetricKind.Counter, "Packets that passed and that a rule of a staged policy would drop.")
    {
        Labels = ["policy", "rule", "direction"],
        MaxSeries = MaxNamedStagedRules + 1,
    };

    public static MetricFamily WatchAge { get; } = new(
        "accoffload_watch_age_seconds", MetricKind.Gauge,
        "Time since the last list or event of these objects.")
    {
        Unit = "seconds",
        Labels = ["kind"],
        MaxSeries = 8,
    };

    /// <summary>In the order of the output.</summary>
    public static IReadOnlyList<MetricFamily> All { get; } =
    [
        CommonFamilies.Build, CommonFamilies.Ready, CommonFamilies.Condition, TargetConnected, Drops, Services, TableEntries, TableCapacity,
        Differences, Difference,
        Writes, WriteSeconds, QueueDepth, AttachSeconds, PolicyPods, PolicySeconds, PolicyProblems, RulePackets, StagedPackets,
        CommonFamilies.CertificateExpiry, WatchAge,
    ];
}
