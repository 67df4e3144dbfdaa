namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// The clock by which the pipeline measures session affinity: the pipeline has none of its own, so its value is a row that is rewritten
/// every tick. The clock may be slow, which only keeps affinity longer, but it is never fast: between two times it advances by at most the
/// time between them, plus two ticks for the time before the first one in which nothing was written, plus one tick for the duration of that
/// write. Used by the programmer's loop only.
/// </summary>
internal sealed class AffinityClock(TimeProvider time)
{
    private long? _written;
    private bool _isKnown;

    /// <summary>In milliseconds; 0 if there never was a tick. Wraps around after 49 days, like differences in the pipeline.</summary>
    public uint Value { get; private set; }

    /// <summary>Continues from a value that the target has.</summary>
    /// <returns>Whether that changed the clock's value.</returns>
    public bool Continue(uint value)
    {
        if (value == Value || (Value != 0 && (int)(value - Value) < 0))
        {
            return false;
        }

        Value = value;
        return true;
    }

    /// <summary>The time until the next write is due.</summary>
    public TimeSpan Remaining(TimeSpan tick) =>
        _written is { } last && tick - time.GetElapsedTime(last) is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero;

    /// <summary>Advances the clock; the caller writes its value and calls <see cref="Written"/>.</summary>
    public void Advance(TimeSpan tick)
    {
        var now = time.GetTimestamp();
        var elapsed = _isKnown && _written is { } last ? time.GetElapsedTime(last, now) : TimeSpan.Zero;
        Value += (uint)Math.Min(elapsed.TotalMilliseconds, 2 * tick.TotalMilliseconds);
        Value = Value == 0 ? 1 : Value;
        _written = now;
    }

    /// <summary>
    /// The write has ended. The next tick counts from when it was sent or, if it took longer than a tick, from its end. If the value may
    /// not be on the target yet, the next tick adds nothing.
    /// </summary>
    public void Written(TimeSpan tick, bool isApplied)
    {
        _isKnown = isApplied;
        if (_written is { } sent && time.GetElapsedTime(sent) > tick)
        {
            _written = time.GetTimestamp();
        }
    }
}
