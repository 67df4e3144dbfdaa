namespace ACCOffload.SoftTarget.Engine;

/// <summary>The fate of a packet.</summary>
public enum SwxVerdict
{
    /// <summary>Dropped by the program, or not completed (see <see cref="SwxStatistics"/>).</summary>
    Drop,

    /// <summary>Sent to the output port.</summary>
    Transmit,
}

/// <summary>Result of one change of an update.</summary>
public enum SwxChange
{
    /// <summary>Done.</summary>
    Ok,

    /// <summary>Insert of an existing entry.</summary>
    Exists,

    /// <summary>Modify or delete of a missing entry.</summary>
    Missing,

    /// <summary>The table is full.</summary>
    Full,
}

/// <summary>A member of a selector group.</summary>
/// <param name="Id">The value that the selector writes to its member id field.</param>
/// <param name="Weight">Share of the flows, at least 1.</param>
public readonly record struct SwxMember(uint Id, uint Weight);

/// <summary>Totals of all workers since the pipeline was created.</summary>
public readonly record struct SwxStatistics
{
    /// <summary>Packets processed.</summary>
    public long Received { get; init; }

    /// <summary>Packets with the verdict transmit.</summary>
    public long Transmitted { get; init; }

    /// <summary>Packets that the program dropped.</summary>
    public long Dropped { get; init; }

    /// <summary>Packets dropped because they end within a header.</summary>
    public long Truncated { get; init; }

    /// <summary>Packets dropped because they exceeded the buffer's headroom.</summary>
    public long NoHeadroom { get; init; }

    /// <summary>Packets dropped because they exceeded the limit of jumps or recirculations.</summary>
    public long Endless { get; init; }

    /// <summary>
    /// Packets dropped because of undefined behavior: learning before any learner was applied, emitting headers repeatedly, running past
    /// the end of the program.
    /// </summary>
    public long Faulted { get; init; }

    /// <summary>Recirculations.</summary>
    public long Recirculated { get; init; }

    /// <summary>Copies made by mirroring.</summary>
    public long Cloned { get; init; }

    /// <summary>Entries not learned because the learner or the key's bucket was full.</summary>
    public long NotLearned { get; init; }
}

/// <summary>Lookups of one table or learner over all workers.</summary>
/// <param name="Hits">Lookups that found an entry.</param>
/// <param name="Misses">Lookups that ran the default action.</param>
public readonly record struct SwxLookups(long Hits, long Misses);

/// <summary>Receives the copies made by <c>mirror</c>.</summary>
public interface ISwxCloneSink
{
    /// <summary>Called on the worker's thread; the frame is only valid during the call.</summary>
    void Clone(ReadOnlySpan<byte> frame, uint port);
}

/// <summary>Receives an entry of a table. Spans are only valid during the call.</summary>
/// <param name="key">Packed key.</param>
/// <param name="mask">Packed mask; empty for an exact table.</param>
/// <param name="priority">Priority of a wildcard entry, the larger one wins; else 0.</param>
/// <param name="action">Index of the action.</param>
/// <param name="data">Action data.</param>
/// <returns>False to stop.</returns>
public delegate bool SwxEntryVisitor(
    ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority, int action, ReadOnlySpan<byte> data);

/// <summary>Receives a learned entry. Spans are only valid during the call.</summary>
/// <param name="key">Packed key.</param>
/// <param name="action">Index of the action.</param>
/// <param name="data">Action data.</param>
/// <param name="timeoutId">Its timeout.</param>
/// <param name="remaining">Time until it expires.</param>
/// <returns>False to stop.</returns>
public delegate bool SwxLearnedVisitor(
    ReadOnlySpan<byte> key, int action, ReadOnlySpan<byte> data, int timeoutId, TimeSpan remaining);
