namespace ACCOffload.InfraManager.Cluster.Watch;

/// <summary>Where a reflector is, for <c>ctl status</c>; an immutable snapshot.</summary>
internal sealed record ReflectorStatus
{
    /// <summary>Such as <c>EndpointSlice</c>.</summary>
    public required string Kind { get; init; }

    public ReflectorPhase Phase { get; init; }

    /// <summary>Whether everything was listed once: what is held is complete, perhaps old.</summary>
    public bool Synced { get; init; }

    /// <summary>Empty before the first list, and while one is needed.</summary>
    public string ResourceVersion { get; init; } = "";

    public int Objects { get; init; }

    public DateTimeOffset? LastList { get; init; }

    /// <summary>Bookmarks included.</summary>
    public DateTimeOffset? LastEvent { get; init; }

    public long Lists { get; init; }

    public long Watches { get; init; }

    public long Events { get; init; }

    /// <summary>Lists after the first, whatever made them necessary.</summary>
    public long Relists => Math.Max(0, Lists - 1);

    /// <summary>Lists and watches that failed, and objects that could not be read.</summary>
    public long Errors { get; init; }

    /// <summary>The last one, one line; it stays after things are well again, with its time.</summary>
    public string LastError { get; init; } = "";

    public DateTimeOffset? LastErrorTime { get; init; }
}

internal enum ReflectorPhase
{
    Starting,
    Listing,
    Watching,

    /// <summary>After a failure.</summary>
    Waiting,
    Stopped,
}
