namespace ACCOffload.Retries;

/// <summary>
/// Exponential back-off: waits that double up to a limit. Each is between half and all of its nominal length, so that peers that failed
/// together do not retry together.
/// </summary>
public sealed class Backoff
{
    private readonly TimeSpan _min;
    private readonly TimeSpan _max;
    private TimeSpan _next;

    /// <param name="min">Nominal length of the first wait.</param>
    /// <param name="max">The longest wait.</param>
    public Backoff(TimeSpan min, TimeSpan max)
    {
        _min = min;
        _max = max;
        _next = min;
    }

    /// <summary>How long to wait before the next attempt.</summary>
    public TimeSpan Next()
    {
        var wait = _next * (0.5 + (Random.Shared.NextDouble() / 2));
        _next = Double(_next, _max);
        return wait;
    }

    /// <summary>Starts over, after a success.</summary>
    public void Reset() => _next = _min;

    internal static TimeSpan Double(TimeSpan wait, TimeSpan max) => wait * 2 < max ? wait * 2 : max;
}
