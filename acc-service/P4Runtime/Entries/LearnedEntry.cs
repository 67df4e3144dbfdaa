namespace ACCOffload.P4Runtime.Entries;

/// <summary>An entry that the data plane has learned.</summary>
/// <param name="Entry">The entry.</param>
/// <param name="Timeout">How long it is kept after its timer was restarted.</param>
/// <param name="Idle">How long ago its timer was restarted; at most <paramref name="Timeout"/>, unless it is being removed.</param>
public readonly record struct LearnedEntry(Entry Entry, TimeSpan Timeout, TimeSpan Idle)
{
    /// <summary>The time until it is removed, if no packet restarts its timer.</summary>
    public TimeSpan Remaining => Idle < Timeout ? Timeout - Idle : TimeSpan.Zero;
}
