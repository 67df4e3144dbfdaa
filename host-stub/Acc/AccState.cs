namespace ACCOffload.HostStub.Acc;

/// <summary>What the agent knows about the ACC. Immutable.</summary>
internal sealed record AccState
{
    /// <summary>Connected and synchronized: new attachments are accepted.</summary>
    public bool Synced { get; init; }

    /// <summary>The ACC reports that it can program its target.</summary>
    public bool Ready { get; init; }

    /// <summary>Why it can't, as the ACC reports it.</summary>
    public string NotReady { get; init; } = "";

    /// <summary>Why the ACC can't be used, in one line; empty if it can.</summary>
    public string Reason { get; init; } = "";

    public string Version { get; init; } = "";

    public uint Endpoints { get; init; }

    /// <summary>The ACC's conditions; an earlier release reports none.</summary>
    public IReadOnlyList<AgentCondition> Conditions { get; init; } = [];

    /// <summary>The host's endpoint that the ACC last reported is not the one that the agent stated.</summary>
    public bool HostDiffers { get; init; }

    /// <summary>The last such difference, in one line.</summary>
    public string HostConflict { get; init; } = "";

    /// <summary>When it was last seen; null if never.</summary>
    public DateTimeOffset? HostConflictSeen { get; init; }

    /// <summary>
    /// The host's traffic that belongs to services; kept while the ACC is unreachable. Null until an ACC has reported it.
    /// </summary>
    public HostServices? Services { get; init; }

    /// <summary>The ACC reports that it applies changes of services.</summary>
    public bool Healthy { get; init; }

    /// <summary>When the ACC last answered; null if never.</summary>
    public DateTimeOffset? LastAnswer { get; init; }

    /// <summary>Since when no ADD can succeed; null while it can.</summary>
    public DateTimeOffset? UnusableSince { get; init; }

    /// <summary>Whether the ACC was usable at least once since the agent's start.</summary>
    public bool EverUsable { get; init; }

    public DateTimeOffset? LastSync { get; init; }

    /// <summary>Attachments that the last Sync could not apply, with the reason.</summary>
    public IReadOnlyList<string> SyncFailures { get; init; } = [];
}

/// <summary>A precondition for forwarding packets, on the host or on the ACC.</summary>
/// <param name="Name">Such as Store, Ports, Certificates.</param>
/// <param name="Ok">Whether the condition holds.</param>
/// <param name="Reason">Why it does not hold, or a remark if it does; one line.</param>
/// <param name="PreventsAdds">Whether every ADD fails until the condition holds; false while it holds.</param>
internal sealed record AgentCondition(string Name, bool Ok, string Reason, bool PreventsAdds)
{
    public static AgentCondition Of(string name, string problem, bool preventsAdds = false) =>
        new(name, problem.Length == 0, problem, problem.Length > 0 && preventsAdds);
}
