namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>Limits and intervals of the programmer.</summary>
internal sealed record ProgrammerOptions
{
    /// <summary>The maximum number of queued intents.</summary>
    public int QueueIntents { get; init; } = 16_384;

    /// <summary>The maximum estimated memory of the queued intents, in bytes.</summary>
    public long QueueBytes { get; init; } = 64 << 20;

    /// <summary>Whether the cluster is watched. Otherwise what it once said about the node is not used.</summary>
    public bool WatchesCluster { get; init; } = true;

    /// <summary>Whether network policy is watched. Otherwise what is stored about it is removed, and nothing is isolated.</summary>
    public bool WatchesPolicy { get; init; }

    /// <summary>Whether network policy comes from Felix. Then it is not watched, and pods are closed until a Felix is in sync.</summary>
    public bool TakesFelix { get; init; }

    /// <summary>With <see cref="TakesFelix"/>: what operators call this source (Policy:Source).</summary>
    public string FelixSource { get; init; } = "felix";

    /// <summary>
    /// Whether pods are closed until the policies have been listed once. False without a kubeconfig: there are none to list.
    /// </summary>
    public bool AwaitsPolicy { get; init; } = true;

    /// <summary>The maximum number of intents in one batch, which is one durable commit.</summary>
    public int MaxBatch { get; init; } = 1024;

    /// <summary>The maximum number of updates in one Write.</summary>
    public int MaxUpdatesPerWrite { get; init; } = 4096;

    /// <summary>
    /// The time limit of one Write, plus one millisecond per update. After that the outcome is unknown. Together with <see
    /// cref="OutcomeLimit"/> it keeps the answer to a request within the ten seconds that a host waits.
    /// </summary>
    public TimeSpan WriteLimit { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>The time limit of one call about a port.</summary>
    public TimeSpan PortLimit { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long a request waits after a lost reply for the target to be read back, before its change is rolled back.</summary>
    public TimeSpan OutcomeLimit { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// The delay before a failed reconciliation, a refused row or a failed commit is retried; doubles up to <see cref="RetryMax"/>.
    /// </summary>
    public TimeSpan RetryMin { get; init; } = TimeSpan.FromMilliseconds(200);

    public TimeSpan RetryMax { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The maximum delay when only rows are left that the target refuses to delete.</summary>
    public TimeSpan RefusedDeleteMax { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How often the tables are read back and compared while all is well; zero: never.</summary>
    public TimeSpan AuditInterval { get; init; }

    /// <summary>
    /// The delay before the tables are read back once more after a lost reply or a start: a request that the target still had queued may
    /// have been invisible before.
    /// </summary>
    public TimeSpan AuditAfterUnknown { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often drains are checked for the time limit.</summary>
    public TimeSpan DrainCheck { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long the programmer may make no progress before it counts as stuck.</summary>
    public TimeSpan StuckAfter { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Up to how many rows of <c>verdicts</c> there is one for each group and port class, so that all packets are counted by rule. Above,
    /// only where it decides otherwise than its group does. 0: for a target whose counters cannot be read.
    /// </summary>
    public int CountedRows { get; init; } = 8192;

    /// <summary>A test hook; see <see cref="CrashPoint"/>.</summary>
    public Action<CrashPoint>? FaultHook { get; init; }
}
