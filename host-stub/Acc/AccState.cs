namespace ACCOffload.HostStub.Acc;

/// <summary>What the agent knows of the ACC; replaced as a whole.</summary>
internal sealed record AccState
{
    /// <summary>Connected and synced: attachments go through.</summary>
    public bool Synced { get; init; }

    /// <summary>The ACC says that it can program its target.</summary>
    public bool Ready { get; init; }

    /// <summary>Why it can't, in its own words.</summary>
    public string NotReady { get; init; } = "";

    /// <summary>One line; empty when all is well.</summary>
    public string Reason { get; init; } = "";

    public string Version { get; init; } = "";

    public uint Endpoints { get; init; }

    /// <summary>The ACC's conditions; empty from an earlier release.</summary>
    public IReadOnlyList<ACCOffload.HostStub.Acc.AgentCondition> Conditions { get; init; } = [];

    /// <summary>What the ACC last said of the host's endpoint is not what we stated.</summary>
    public bool HostDiffers { get; init; }

    /// <summary>The last difference, one line.</summary>
    public string HostConflict { get; init; } = "";

    /// <summary>When it was last seen; null for never.</summary>
    public DateTimeOffset? HostConflictSeen { get; init; }

    /// <summary>Since when no ADD can work; null while it can.</summary>
    public DateTimeOffset? UnusableSince { get; init; }

    /// <summary>Was usable at least once since the agent's start.</summary>
    public bool EverUsable { get; init; }

    public DateTimeOffset? LastSync { get; init; }

    /// <summary>Attachments that the last Sync could not apply, with the reason.</summary>
    public IReadOnlyList<string> SyncFailures { get; init; } = [];
}
