namespace ACCOffload.Metrics;

/// <summary>The values of one combination of labels. Guarded by the lock of its table.</summary>
internal sealed class Series(IReadOnlyList<double> bounds)
{
    private readonly IReadOnlyList<double> _bounds = bounds;
    private readonly long[] _counts = bounds.Count == 0 ? [] : new long[bounds.Count + 1];

    /// <summary>The value of a counter or gauge, or the sum of the observations of a histogram.</summary>
    public double Sum { get; private set; }

    /// <summary>The observations in each bucket of a histogram, not cumulative. The last bucket is unbounded.</summary>
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
