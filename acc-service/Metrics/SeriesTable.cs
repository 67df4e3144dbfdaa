namespace ACCOffload.Metrics;

/// <summary>The series of a metric: at most <see cref="MetricFamily.MaxSeries"/>, regardless of the labels measured. Thread-safe.</summary>
internal sealed class SeriesTable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string[], Series> _series = new(LabelComparer.Instance);

    public SeriesTable(MetricFamily family)
    {
        Family = family;
        foreach (var value in family.Known)
        {
            _series.Add([value], new Series(family.Buckets));
        }
    }

    public MetricFamily Family { get; }

    /// <summary>Whether the metric is measured anew at each scrape.</summary>
    public bool IsObserved { get; set; }

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        lock (_lock)
        {
            Find(tags).Add(value);
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            _series.Clear();
        }
    }

    public void WriteTo(ExpositionWriter writer)
    {
        lock (_lock)
        {
            if (_series.Count == 0)
            {
                return;
            }

            writer.Begin(Family);
            foreach (var (labels, series) in _series)
            {
                writer.Write(Family, labels, series);
            }
        }
    }

    private Series Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var byTags = _series.GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>();
        if (byTags.TryGetValue(tags, out var series))
        {
            return series;
        }

        series = new Series(Family.Buckets);
        // The last series is reserved for all further label values.
        if (_series.Count < Family.MaxSeries - 1 && tags.Length == Family.Labels.Count)
        {
            byTags[tags] = series;
            return series;
        }
        string[] other = [.. Family.Labels.Select(_ => MetricFamily.Other)];
        if (_series.TryGetValue(other, out var shared))
        {
            return shared;
        }

        _series.Add(other, series);
        return series;
    }
}
