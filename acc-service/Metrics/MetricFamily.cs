using System.Diagnostics.Metrics;

namespace ACCOffload.Metrics;

/// <summary>An exported metric. docs/metrics.md describes each.</summary>
/// <param name="Name">Its name, with the unit at the end and without the suffix of its kind.</param>
/// <param name="Kind">Its type.</param>
/// <param name="Help">One sentence for users.</param>
public sealed record MetricFamily(string Name, MetricKind Kind, string Help)
{
    /// <summary>Replaces the label values of series beyond <see cref="MaxSeries"/>.</summary>
    public const string Other = "other";

    /// <summary>The unit at the end of the name, such as <c>seconds</c>; empty for counts.</summary>
    public string Unit { get; init; } = "";

    /// <summary>The labels, in the order of the tags of a measurement.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>The maximum number of series. Further label values share one series, with <see cref="Other"/> for each label.</summary>
    public int MaxSeries { get; init; } = 64;

    /// <summary>The upper bounds of the buckets of a histogram, ascending, without infinity.</summary>
    public IReadOnlyList<double> Buckets { get; init; } = [];

    /// <summary>Values of the only label whose series exist from the start, at 0, so that the first event is an increase.</summary>
    public IReadOnlyList<string> Known { get; init; } = [];

    /// <summary>The name of the samples in the text format.</summary>
    public string SampleName => Kind switch
    {
        MetricKind.Counter => Name + "_total",
        MetricKind.Info => Name + "_info",
        _ => Name,
    };

    /// <summary>Creates the instrument that counts.</summary>
    public Counter<long> Counter(Meter meter) => meter.CreateCounter<long>(Name, null, Help);

    /// <summary>Creates the instrument that records observations.</summary>
    public Histogram<double> Histogram(Meter meter) =>
        meter.CreateHistogram(Name, Unit, Help, null, new InstrumentAdvice<double> { HistogramBucketBoundaries = Buckets });

    /// <summary>
    /// Calls <paramref name="look"/> at each scrape. Series that it no longer returns disappear. A counter returns its total.
    /// </summary>
    public void Observe(Meter meter, Func<IEnumerable<Measurement<double>>> look)
    {
        if (Kind == MetricKind.Counter)
        {
            meter.CreateObservableCounter(Name, look, null, Help);
        }
        else
        {
            meter.CreateObservableGauge(Name, look, null, Help);
        }
    }

    /// <summary>The same for a metric without labels; null means that there is currently no value.</summary>
    public void Observe(Meter meter, Func<double?> look) =>
        Observe(meter, () => look() is { } value ? [new Measurement<double>(value)] : []);

    /// <summary>A measurement with the labels of this metric.</summary>
    public Measurement<double> Measure(double value, params ReadOnlySpan<string> labels)
    {
        var tags = new KeyValuePair<string, object?>[Labels.Count];
        for (var i = 0; i < tags.Length; i++)
        {
            tags[i] = new(Labels[i], labels[i]);
        }

        return new Measurement<double>(value, tags);
    }
}

/// <summary>The type of a metric.</summary>
public enum MetricKind
{
    /// <summary>Only increases; the names of its samples end in <c>_total</c>.</summary>
    Counter,

    /// <summary>Goes up and down.</summary>
    Gauge,

    /// <summary>Counts observations by value.</summary>
    Histogram,

    /// <summary>Information in labels; the names of its samples end in <c>_info</c>, and the value is always 1.</summary>
    Info,
}
