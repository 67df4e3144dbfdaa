namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>Limits and times of the programmer.</summary>
internal sealed record ProgrammerOptions
{
    /// <summary>Maximum number of waiting intents.</summary>
    public int QueueIntents { get; init; } = 16_384;

    /// <summary>Maximum memory of the waiting intents, in bytes, estimated.</summary>
    public long QueueBytes { get; init; } = 64 << 20;

    /// <summary>Most intents in one batch, that is in one durable commit.</summary>
    public int MaxBatch { get; init; } = 1024;

    /// <summary>Most updates in one Write.</summary>
    public int MaxUpdatesPerWrite { get; init; } = 4096;

    /// <summary>
    /// Limit of one Write, and a millisecond more for each update in it; what has no answer then has an unknown outcome. With
    /// <see cref="OutcomeLimit"/> it keeps the answer to a request below the ten seconds that a host waits.
    /// </summary>
    public TimeSpan WriteLimit { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Limit of one call about a port.</summary>
    public TimeSpan PortLimit { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long after a lost reply a request waits for the target to be read back before its change is taken back.</summary>
    public TimeSpan OutcomeLimit { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// Wait before a failed reconciliation, a refused row or a failed commit is tried again; doubles up to <see cref="RetryMax"/>.
    /// </summary>
    public TimeSpan RetryMin { get; init; } = TimeSpan.FromMilliseconds(200);

    public TimeSpan RetryMax { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The same limit where nothing is left but rows that the target refuses to delete.</summary>
    public TimeSpan RefusedDeleteMax { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How often the tables are read back and compared while nothing is wrong; zero: never.</summary>
    public TimeSpan AuditInterval { get; init; }

    /// <summary>
    /// When the tables are read back once more after a lost reply, or after a start: a request that the target still held then could not be
    /// seen before.
    /// </summary>
    public TimeSpan AuditAfterUnknown { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often it is looked whether backends have drained for as long as they may.</summary>
    public TimeSpan DrainCheck { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Longest time without a sign of progress before the programmer counts as stuck.</summary>
    public TimeSpan StuckAfter { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>A test's hook at the instants that matter; see <see cref="CrashPoint"/>.</summary>
    public Action<CrashPoint>? FaultHook { get; init; }
}
