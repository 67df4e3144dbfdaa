namespace ACCOffload.P4Runtime.Channels;

/// <summary>Waits that double up to a limit, each between half and all of its nominal length so that peers do not march in step.</summary>
public sealed class Backoff
{
    private readonly TimeSpan _min;
    private readonly TimeSpan _max;
    private TimeSpan _next;

    /// <param name="min">The first wait's nominal length.</param>
    /// <param name="max">No wait is longer.</param>
    public Backoff(TimeSpan min, TimeSpan max)
    {
        _min = min;
        _max = max;
        _next = min;
    }

    /// <summary>How long to wait now.</summary>
    public TimeSpan Next()
    {
        var wait = _next * (0.5 + (Random.Shared.NextDouble() / 2));
        _next = _next * 2 < _max ? _next * 2 : _max;
        return wait;
    }

    /// <summary>The next wait is a first one again.</summary>
    public void Reset() => _next = _min;
}
