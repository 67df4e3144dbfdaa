namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// What the pipeline needs to know about a session affinity timeout; see "Session affinity" in docs/programming.md. A client's affinity
/// never ends early, and at most a thirtieth (or half a second) late.
/// </summary>
internal static class AffinityClass
{
    // The learner's timeouts in p4src; 0: one that is not used.
    private static readonly int[] Kept = [10, 30, 60, 120, 300, 43200, 0, 97200];

    // Kubernetes' own tests wait 5 s longer than a timeout of 125 s.
    private const int TicksInTimeout = 200;

    private static readonly TimeSpan ShortestTick = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// The number of the learner's timeout, which must be longer than the affinity: it only frees the entry. 0 for no affinity.
    /// </summary>
    public static int Of(int seconds) =>
        // DPDK rounds timeouts down, by up to two seconds.
        seconds == 0 ? 0 : 1 + Array.FindIndex(Kept, k => k >= seconds + (seconds / 10) + 3);

    /// <summary>
    /// The age, in ms of the pipeline's clock, at which affinity has ended for certain: the clock shows up to three ticks more than the
    /// time that passed since the client's last new connection (<see cref="AffinityClock"/>).
    /// </summary>
    public static uint MaxAge(int seconds) =>
        seconds == 0 ? 0 : (uint)(TimeSpan.FromSeconds(seconds) + (3 * Tick(seconds))).TotalMilliseconds;

    /// <summary>How often the clock must be advanced for this timeout.</summary>
    public static TimeSpan Tick(int seconds)
    {
        var tick = TimeSpan.FromMilliseconds(Math.Ceiling(seconds * 1000.0 / TicksInTimeout));
        return tick > ShortestTick ? tick : ShortestTick;
    }
}
