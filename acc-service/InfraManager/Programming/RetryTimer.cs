namespace ACCOffload.InfraManager.Programming;

/// <summary>When to try something again: at once at first, then after waits that double up to a limit.</summary>
internal sealed class RetryTimer(TimeProvider time, TimeSpan first, TimeSpan longest)
{
    private TimeSpan _wait;
    private long _since;

    /// <summary>Zero when it is time.</summary>
    public TimeSpan Remaining
    {
        get
        {
            if (_wait == TimeSpan.Zero)
            {
                return TimeSpan.Zero;
            }

            var left = _wait - time.GetElapsedTime(_since);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    public bool IsDue => Remaining == TimeSpan.Zero;

    public void Failed() => Failed(longest);

    /// <summary>Waits twice as long as the last time, at most so long.</summary>
    public void Failed(TimeSpan most)
    {
        _wait = _wait == TimeSpan.Zero ? first : _wait + _wait < most ? _wait + _wait : most;
        _since = time.GetTimestamp();
    }

    /// <summary>Waits this long, whatever was before.</summary>
    public void Set(TimeSpan wait)
    {
        _wait = wait;
        _since = time.GetTimestamp();
    }

    public void Reset() => _wait = TimeSpan.Zero;
}
