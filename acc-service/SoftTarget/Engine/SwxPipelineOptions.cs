namespace ACCOffload.SoftTarget.Engine;

/// <summary>Options of a pipeline.</summary>
public sealed record SwxPipelineOptions
{
    /// <summary>Clock for learners and meters.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Maximum number of passes of a packet; a further recirculation drops it.</summary>
    public int MaxPasses { get; init; } = 16;

    /// <summary>Maximum number of backward jumps of a packet in one pass; a further one drops it.</summary>
    public int MaxJumps { get; init; } = 65_536;

    /// <summary>
    /// Maximum memory of a program's registers, meters, learners and selectors in bytes, so that a bad program can't exhaust the memory.
    /// </summary>
    public long MaxStateBytes { get; init; } = 1L << 31;

    /// <summary>Number of mirroring slots of a packet (a power of two up to 64).</summary>
    public int MirrorSlots { get; init; } = 4;

    /// <summary>Number of mirroring sessions (a power of two).</summary>
    public int MirrorSessions { get; init; } = 64;

    /// <summary>The register that counts packets that end within a header, which the program can't count itself; null for none.</summary>
    public (int Array, long Index)? TruncatedCell { get; init; }

    /// <summary>
    /// How long a commit waits for workers that use the old tables before it leaves the update of the second copy to the next commit.
    /// </summary>
    public TimeSpan GracePeriod { get; init; } = TimeSpan.FromSeconds(5);
}
