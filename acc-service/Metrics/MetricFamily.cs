using System.Diagnostics.Metrics;

namespace ACCOffload.Metrics;

/// <summary>One metric, as it is exported. docs/metrics.md has a row for each.</summary>
/// <param name="Name">Without the suffix that its kind asks for, and with its unit at the end.</param>
/// <param name="Kind">What it is to a scraper.</param>
/// <param name="Help">One sentence for the scraper's user.</param>
public sealed record MetricFamily(string Name, MetricKind Kind, string Help)
{
    /// <summary>The value that stands for all label values beyond <see cref="MostSeries"/>.</summary>
    public const string Other = "other";

    /// <summary>The unit that the name ends in, such as <c>seconds</c>; empty for a count.</summary>
    public string Unit { get; init; } = "";

    /// <summary>The labels, in the order in which a measurement's tags are given.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Most series. What has other label values when they are used up is counted in one series, with <see cref="Other"/> for each label.</summary>
    public int MostSeries { get; init; } = 64;

    /// <summary>Of a histogram: the upper bounds of its buckets, ascending, without infinity.</summary>
    public IReadOnlyList<double> Buckets { get; init; } = [];

    /// <summary>Values of the only label that are there from the start, at 0, so that the first event is an increase.</summary>
    public IReadOnlyList<string> Known { get; init; } = [];

    /// <summary>The name of its samples in the text format.</summary>
    public string SampleName => Kind switch
    {
        MetricKind.Counter => Name + "_total",
        MetricKind.Info => Name + "_info",
        _ => Name,
    };

    /// <summary>The instrument that counts it.</summary>
    public Counter<long> Counter(Meter meter) => meter.CreateCounter<long>(Name, null, Help);

    /// <summary>The instrument that observes it.</summary>
    public Histogram<double> Histogram(Meter meter) =>
        meter.CreateHistogram(Name, Unit, Help, null, new InstrumentAdvice<double> { HistogramBucketBoundaries = Buckets });

    /// <summary>Looks it up at each scrape; series that are not in the answer any more are gone. Of a counter the answer is the total.</summary>
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

    /// <summary>The same for one without labels; null: there is no value now.</summary>
    public void Observe(Meter meter, Func<double?> look) => Observe(meter, () => look() is { } value ? [new Measurement<double>(value)] : []);

    /// <summary>A measurement with this metric's labels.</summary>
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
