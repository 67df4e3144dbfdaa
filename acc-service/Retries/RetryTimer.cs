namespace ACCOffload.Retries;

/// <summary>
/// Schedules the retries of a loop: the first attempt immediately, then after waits that double up to a limit.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="min">The first wait.</param>
/// <param name="max">The longest wait.</param>
public sealed class RetryTimer(TimeProvider time, TimeSpan min, TimeSpan max)
{
    private TimeSpan _wait;
    private long _since;

    /// <summary>Time until the next attempt; zero if it is due.</summary>
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

    /// <summary>Whether to try now.</summary>
    public bool IsDue => Remaining == TimeSpan.Zero;

    /// <summary>Notes a failed attempt: the next wait is twice as long.</summary>
    public void Failed() => Failed(max);

    /// <summary>Notes a failed attempt: the next wait is twice as long, but at most <paramref name="limit"/>.</summary>
    public void Failed(TimeSpan limit) => Set(_wait == TimeSpan.Zero ? min : Backoff.Double(_wait, limit));

    /// <summary>Sets the wait, regardless of earlier attempts.</summary>
    public void Set(TimeSpan wait)
    {
        _wait = wait;
        _since = time.GetTimestamp();
    }

    /// <summary>Makes the next attempt due immediately, after a success.</summary>
    public void Reset() => _wait = TimeSpan.Zero;
}
