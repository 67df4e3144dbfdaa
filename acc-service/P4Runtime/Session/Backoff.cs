namespace ACCOffload.P4Runtime;

/// <summary>Waits that double up to a limit, each between half and all of its nominal length so that peers do not march in step.</summary>
internal sealed class Backoff
{
    private readonly TimeSpan _min;
    private readonly TimeSpan _max;
    private TimeSpan _next;

    public Backoff(TimeSpan min, TimeSpan max)
    {
        _min = min;
        _max = max;
        _next = min;
    }

    public TimeSpan Next()
    {
        var wait = _next * (0.5 + (Random.Shared.NextDouble() / 2));
        _next = _next * 2 < _max ? _next * 2 : _max;
        return wait;
    }

    public void Reset() => _next = _min;
}
