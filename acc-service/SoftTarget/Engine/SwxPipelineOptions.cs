namespace ACCOffload.SoftTarget.Engine;

/// <summary>How a pipeline behaves beside its program.</summary>
public sealed record SwxPipelineOptions
{
    /// <summary>Clock for learners and meters.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Passes a packet may make in all; one more recirculation drops it.</summary>
    public int MaxPasses { get; init; } = 16;

    /// <summary>Jumps a packet may take in one pass; one more drops it.</summary>
    public int MaxJumps { get; init; } = 65_536;

    /// <summary>Most bytes that registers, meters and learners of a program may take, so that a bad program can't exhaust the memory.</summary>
    public long MaxStateBytes { get; init; } = 1L << 31;

    /// <summary>Mirroring slots a packet may use (a power of two up to 64).</summary>
    public int MirrorSlots { get; init; } = 4;

    /// <summary>Mirroring sessions (a power of two).</summary>
    public int MirrorSessions { get; init; } = 64;

    /// <summary>The register that counts packets that end within a header, which no instruction sees; null for none.</summary>
    public (int Array, long Index)? TruncatedCell { get; init; }

    /// <summary>How long a commit waits for the workers to leave the old tables before it leaves the second copy to the next commit.</summary>
    public TimeSpan GracePeriod { get; init; } = TimeSpan.FromSeconds(5);
}
