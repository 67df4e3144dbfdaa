namespace ACCOffload.Metrics;

/// <summary>The values of one combination of labels. Guarded by its table's lock.</summary>
internal sealed class Series(IReadOnlyList<double> bounds)
{
    private readonly IReadOnlyList<double> _bounds = bounds;
    private readonly long[] _counts = bounds.Count == 0 ? [] : new long[bounds.Count + 1];

    /// <summary>Of a counter or gauge its value, of a histogram the sum of what was observed.</summary>
    public double Sum { get; private set; }

    /// <summary>Of a histogram: how many fell into each bucket, not cumulated; the last one is beyond every bound.</summary>
    public ReadOnlySpan<long> Counts => _counts;

    public void Add(double value)
    {
        Sum += value;
        if (_counts.Length == 0)
        {
            return;
        }

        var bucket = 0;
        while (bucket < _bounds.Count && value > _bounds[bucket])
        {
            bucket++;
        }

        _counts[bucket]++;
    }
}
