using System.Diagnostics.Metrics;

namespace ACCOffload.Metrics;

/// <summary>The metrics of both daemons.</summary>
public static class CommonFamilies
{
    /// <summary>accoffload_build_info.</summary>
    public static MetricFamily Build { get; } = new(
        "accoffload_build", MetricKind.Info, "The running version.")
    {
        Labels = ["version"],
        MaxSeries = 2,
    };

    /// <summary>accoffload_ready.</summary>
    public static MetricFamily Ready { get; } = new(
        "accoffload_ready", MetricKind.Gauge, "1 while every condition holds, as status says; else 0.");

    /// <summary>accoffload_condition.</summary>
    public static MetricFamily Condition { get; } = new(
        "accoffload_condition", MetricKind.Gauge, "1 while the condition holds, else 0.")
    {
        Labels = ["condition"],
        MaxSeries = 16,
    };

    /// <summary>accoffload_certificate_expiry_seconds.</summary>
    public static MetricFamily CertificateExpiry { get; } = new(
        "accoffload_certificate_expiry_seconds", MetricKind.Gauge,
        "Time until the certificate expires; negative afterwards.")
    {
        Unit = "seconds",
        Labels = ["certificate"],
        MaxSeries = 4,
    };

    /// <summary>Bucket bounds in seconds, from half a millisecond to ten seconds.</summary>
    public static IReadOnlyList<double> Seconds { get; } = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    /// <summary>Observes the version and the conditions.</summary>
    /// <param name="meter">The meter of the daemon.</param>
    /// <param name="conditions">The name of each condition and whether it is met.</param>
    public static void Observe(Meter meter, Func<IEnumerable<(string Name, bool Ok)>> conditions)
    {
        Build.Observe(meter, static () => [Build.Measure(1, ProductVersion.Text)]);
        Ready.Observe(meter, () => conditions().All(c => c.Ok) ? 1 : 0);
        Condition.Observe(meter, () => conditions().Select(c => Condition.Measure(c.Ok ? 1 : 0, c.Name)));
    }
}
