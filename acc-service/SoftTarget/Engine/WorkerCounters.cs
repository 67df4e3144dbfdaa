namespace ACCOffload.SoftTarget.Engine;

/// <summary>Destination of a mirroring session.</summary>
internal sealed record MirrorSession(uint Port, int Truncation);

/// <summary>A register array, for the data path.</summary>
internal unsafe struct RegisterArrayHot
{
    public long* Cells;
    public ulong Mask;
}

/// <summary>Counters of one worker; only the worker writes them, any thread reads them.</summary>
internal sealed class WorkerCounters
{
    public WorkerCounters(int tables = 0) => LookupCounts = GC.AllocateArray<long>(tables * 2, pinned: true);

    public long Received;
    public long Transmitted;
    public long Dropped;
    public long Truncated;
    public long NoHeadroom;
    public long Endless;
    public long Faulted;
    public long Recirculated;
    public long Cloned;
    public long NotLearned;

    /// <summary>Misses and hits of each table, then of each learner. Pinned.</summary>
    public long[] LookupCounts { get; }

    public SwxStatistics Packets => new()
    {
        Received = Volatile.Read(ref Received),
        Transmitted = Volatile.Read(ref Transmitted),
        Dropped = Volatile.Read(ref Dropped),
        Truncated = Volatile.Read(ref Truncated),
        NoHeadroom = Volatile.Read(ref NoHeadroom),
        Endless = Volatile.Read(ref Endless),
        Faulted = Volatile.Read(ref Faulted),
        Recirculated = Volatile.Read(ref Recirculated),
        Cloned = Volatile.Read(ref Cloned),
        NotLearned = Volatile.Read(ref NotLearned),
    };

    public SwxLookups Lookups(int table) => new(Volatile.Read(ref LookupCounts[table * 2 + 1]), Volatile.Read(ref LookupCounts[table * 2]));

    public WorkerCounters Plus(WorkerCounters other)
    {
        var sum = new WorkerCounters(LookupCounts.Length / 2)
        {
            Received = Received + other.Received,
            Transmitted = Transmitted + other.Transmitted,
            Dropped = Dropped + other.Dropped,
            Truncated = Truncated + other.Truncated,
            NoHeadroom = NoHeadroom + other.NoHeadroom,
            Endless = Endless + other.Endless,
            Faulted = Faulted + other.Faulted,
            Recirculated = Recirculated + other.Recirculated,
            Cloned = Cloned + other.Cloned,
            NotLearned = NotLearned + other.NotLearned,
        };
        for (var i = 0; i < sum.LookupCounts.Length; i++)
        {
            sum.LookupCounts[i] = LookupCounts[i] + other.LookupCounts[i];
        }

        return sum;
    }
}
